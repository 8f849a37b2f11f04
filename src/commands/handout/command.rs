//! `handout`: writes the handout of an integration of the cluster.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use jiff::Timestamp;

use super::{Handout, html, markdown};
use crate::commands::terminal::{self, Cluster, Session, note, print};
use contract::Language;

/// Arguments of `handout`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The integration.
    #[arg(value_name = "NAME")]
    pub integration: String,
    /// The format. Without it and without a file: both, as NAME-handout.md and NAME-handout.html in the
    /// current directory. With it and without a file: standard output.
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// The language. File names in a language other than English end accordingly: .ja.html.
    #[arg(long, value_parser = terminal::language(), default_value = "en")]
    pub language: Language,
    /// The file; - for standard output. Its extension selects the format: .md or .html.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Print the personal links of connections, at most 20. Anybody with such a link can authorize in that
    /// person's place: without this flag, links are only counted.
    #[arg(long)]
    pub links: bool,
    /// The cluster and namespace.
    #[command(flatten)]
    pub cluster: Cluster,
}

/// The format of a handout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// `CommonMark` with tables.
    Markdown,
    /// A single file that loads nothing.
    Html,
}

/// A format, and the file to write; `None` for standard output.
type Part = (Format, Option<PathBuf>);

/// Runs `handout`.
///
/// # Errors
/// When a request to the cluster fails, there is no integration with this name, the operator has not observed
/// it yet, or a file cannot be written.
pub fn main(args: &Args) -> anyhow::Result<()> {
    let parts = parts(args)?;
    terminal::block_on(async {
        let session = args.cluster.session().await?;
        let mut handout = read(&session, &args.integration).await?;
        handout.with_links = args.links;
        for (format, file) in parts {
            let text = match format {
                Format::Markdown => markdown(&handout, args.language),
                Format::Html => html(&handout, args.language),
            };
            match file {
                None => print(&text)?,
                Some(file) => {
                    fs::write(&file, text)
                        .with_context(|| format!("failed to write {}", file.display()))?;
                    note(&format!("wrote {}", file.display()));
                }
            }
        }
        Ok(())
    })
}

/// What the cluster knows about an integration's setup.
///
/// # Errors
/// When a request to the cluster fails, there is no integration with this name, or the operator has not
/// observed it yet.
pub async fn read(session: &Session, name: &str) -> anyhow::Result<Handout> {
    let found = session.get(name).await?;
    let connections = session.connections(name).await?;
    Handout::of(&found, &connections, Timestamp::now()).with_context(|| {
        format!(
            "the operator has not reported on ZoomIntegration {name} yet: it has to run, in a version that reports status.setup, and to watch namespace {}",
            session.namespace
        )
    })
}

fn parts(args: &Args) -> anyhow::Result<Vec<Part>> {
    let Some(file) = &args.output else {
        return Ok(match args.format {
            Some(format) => vec![(format, None)],
            None => [Format::Markdown, Format::Html]
                .map(|format| (format, Some(named(args, format))))
                .into(),
        });
    };
    if file.as_os_str() == "-" {
        return Ok(vec![(args.format.unwrap_or(Format::Markdown), None)]);
    }
    let Some(format) = args.format.or_else(|| Format::of(file)) else {
        bail!(
            "{} ends neither with .md nor with .html: say --format",
            file.display()
        );
    };
    Ok(vec![(format, Some(file.clone()))])
}

fn named(args: &Args, format: Format) -> PathBuf {
    let language = match args.language {
        Language::English => String::new(),
        other @ Language::Japanese => format!(".{}", other.code()),
    };
    let ending = match format {
        Format::Markdown => "md",
        Format::Html => "html",
    };
    format!("{}-handout{language}.{ending}", args.integration).into()
}

// === impl Format ===

impl Format {
    fn of(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()? {
            "md" | "markdown" => Some(Self::Markdown),
            "html" | "htm" => Some(Self::Html),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn written(line: &str) -> anyhow::Result<String> {
        let line = std::iter::once("handout").chain(line.split(' '));
        let parts = parts(&Cli::try_parse_from(line)?.args)?;
        let part = |(format, file): Part| {
            let file = file.map_or("-".into(), |file| file.display().to_string());
            format!("{format:?} {file}")
        };
        Ok(parts.into_iter().map(part).collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn what_is_written_where() {
        for (line, wanted) in [
            ("acme", "Markdown acme-handout.md, Html acme-handout.html"),
            (
                "acme --language ja",
                "Markdown acme-handout.ja.md, Html acme-handout.ja.html",
            ),
            ("acme --format html", "Html -"),
            ("acme -o -", "Markdown -"),
            ("acme -o - --format html -n a", "Html -"),
            ("acme -o x/a.html", "Html x/a.html"),
            ("acme -o a.txt --format markdown", "Markdown a.txt"),
        ] {
            assert_eq!(written(line).unwrap(), wanted, "{line}");
        }
        for line in ["acme -o a.txt", "acme --language de", "--format html"] {
            assert!(written(line).is_err(), "{line}");
        }
    }
}
