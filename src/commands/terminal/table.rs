//! Aligns columns.

use std::io::Write as _;

use tabwriter::TabWriter;

/// Aligns lines whose cells are separated by tabs.
///
/// # Errors
/// Never: it is written to memory.
pub fn align(lines: &str) -> anyhow::Result<String> {
    let mut table = TabWriter::new(Vec::new()).padding(3);
    table.write_all(lines.as_bytes())?;
    let text = table
        .into_inner()
        .map_err(|_| anyhow::anyhow!("failed to lay out the table"))?;
    let text = String::from_utf8(text)?;
    // An empty last cell leaves trailing padding.
    Ok(text
        .lines()
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect())
}

/// A text for a column, cut after `most` characters.
#[must_use]
pub fn cell(text: &str, most: usize) -> String {
    let text = super::plain(text);
    if text.chars().count() <= most {
        return text;
    }
    let cut: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_nothing_hangs_over() {
        let text = align("A\tB\tC\nlonger\tx\t\n").unwrap();
        assert_eq!(text, "A        B    C\nlonger   x\n");
        assert_eq!(cell("a\tb", 5), "a b");
        assert_eq!(cell("abcdef", 4), "abc…");
    }
}
