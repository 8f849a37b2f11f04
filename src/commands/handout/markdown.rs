//! The handout as Markdown (`CommonMark` with tables).

use std::fmt::Write as _;

use super::{
    model::{Handout, PORTAL, minute},
    texts::{Texts, texts},
};
use crate::setup::{
    Entry, State, Step,
    words::{self, Words, words},
};
use contract::Language;

/// The handout as Markdown.
#[must_use]
pub fn markdown(handout: &Handout, language: Language) -> String {
    let (texts, words) = (texts(language), words(language));
    let steps = &handout.steps;
    let mut out = format!("# {}\n", escaped(&(texts.title)(&handout.app)));
    let written = (texts.written)(&handout.integration, &minute(handout.written));
    let portal = format!("{} <{PORTAL}>", texts.portal);
    for line in [texts.intro, &portal, texts.secrets, &escaped(&written)] {
        let _ = write!(out, "\n{line}\n");
    }
    let _ = write!(
        out,
        "\n**{}** {}\n",
        (texts.progress)(handout.done(), steps.len()),
        escaped(&words::line(steps, words))
    );
    for (number, step) in (1..).zip(steps) {
        out.push_str(&section(handout, number, step, texts, words));
    }
    if !handout.warnings.is_empty() {
        let _ = write!(out, "\n## {}\n\n", texts.warnings);
        for warning in &handout.warnings {
            let _ = writeln!(out, "- {}", escaped(&(words.warning)(warning)));
        }
    }
    out
}

fn section(handout: &Handout, number: usize, step: &Step, texts: &Texts, words: &Words) -> String {
    let mark = if step.state == State::Done { "x" } else { " " };
    let mut out = format!(
        "\n## {number}. {}\n\n- [{mark}] {}",
        capital((words.title)(step.id, step.kind)),
        (words.state)(step.state)
    );
    if let (State::Done, Some(since)) = (step.state, step.since) {
        let _ = write!(out, " ({})", (texts.since)(&minute(since)));
    }
    let place = words::whereabouts(step, words);
    let _ = write!(out, "\n- {}: {}\n", texts.place, escaped(place));
    for mistake in &step.mistakes {
        let text = escaped(&(words.mistake)(mistake));
        let _ = writeln!(out, "- **{}**: {text}", texts.mistake);
    }
    if step.state != State::Done {
        for caution in &step.cautions {
            let _ = writeln!(
                out,
                "- **{}**: {}",
                texts.caution,
                (words.caution)(*caution)
            );
        }
    }
    let proof = escaped(&(words.evidence)(&step.evidence));
    let _ = writeln!(out, "- {}: {proof}", texts.proof);
    let entries = handout.entries(step);
    if !entries.is_empty() {
        let [how, field, value] = texts.columns;
        let _ = write!(out, "\n| {how} | {field} | {value} |\n|---|---|---|\n");
        for entry in entries {
            let (act, field) = ((words.act)(entry.act), escaped(&entry.field));
            let _ = writeln!(out, "| {act} | {field} | {} |", cell(entry, words));
        }
    }
    if let Some(text) = handout.about_links(step, texts) {
        let _ = write!(out, "\n{}\n", escaped(&text));
    }
    out
}

fn cell(entry: &Entry, words: &Words) -> String {
    words::target(entry, words).map_or_else(
        || {
            let hint = entry.hint.map(|hint| format!(" {}", escaped(hint)));
            format!("{}{}", code(&entry.value), hint.unwrap_or_default())
        },
        |target| escaped(&target),
    )
}

/// Starts a heading with a capital letter.
fn capital(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + rest.as_str()
}

/// A value in as many backticks as it needs. A vertical bar would end the cell, even within code.
fn code(value: &str) -> String {
    let value: String = value
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let longest = value
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let pad = if value.starts_with('`') || value.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{}{pad}{fence}", value.replace('|', "\\|"))
}

/// Escapes all markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '#' | '&' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_breaks_out_of_its_cell() {
        assert_eq!(code("https://a.example/b"), "`https://a.example/b`");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`a|b`\n"), "``` `a\\|b`  ```".replace("```", "``"));
        assert_eq!(escaped("<b>|[x](y)*\n"), "\\<b\\>\\|\\[x\\](y)\\* ");
    }
}
