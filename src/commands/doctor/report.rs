//! The findings of `doctor`, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use crate::commands::terminal::{json, plain, table::align};

/// The check whether the cluster would take the manifest.
pub const RULES: &str = "rules";

/// A report.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The subject.
    pub subject: String,
    /// The checks, in order.
    pub checks: Vec<Check>,
    /// Risks, whether or not it works.
    pub warnings: Vec<String>,
}

/// A check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name, in one word.
    #[serde(rename = "check")]
    pub subject: String,
    /// Its result.
    pub verdict: CheckStatus,
    /// One or two sentences, with the remedy.
    pub message: String,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum CheckStatus {
    /// All is well.
    Ok,
    /// Something has to be done.
    ToDo,
    /// Not known yet.
    Unknown,
}

#[derive(Serialize)]
struct Document<'a> {
    well: bool,
    #[serde(flatten)]
    report: &'a Report,
}

// === impl Report ===

impl Report {
    /// Creates an empty report.
    #[must_use]
    pub fn on(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            ..Self::default()
        }
    }

    /// Adds a finding.
    pub fn add(&mut self, check: &str, verdict: CheckStatus, message: impl Into<String>) {
        self.checks.push(Check {
            subject: check.into(),
            verdict,
            message: message.into(),
        });
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.to_do() == 0
    }

    /// Whether nobody knows if the manifest would be taken.
    fn is_unchecked(&self) -> bool {
        let unchecked =
            |check: &Check| check.subject == RULES && check.verdict == CheckStatus::Unknown;
        self.checks.iter().any(unchecked)
    }

    fn to_do(&self) -> usize {
        let to_do = |check: &&Check| check.verdict == CheckStatus::ToDo;
        self.checks.iter().filter(to_do).count()
    }

    /// The report for people.
    ///
    /// # Errors
    /// Never: it is written to memory.
    pub fn text(&self) -> anyhow::Result<String> {
        let mut out = format!("{}\n\n", plain(&self.subject));
        let mut lines = String::new();
        for found in &self.checks {
            let verdict = match found.verdict {
                CheckStatus::Ok => "ok",
                CheckStatus::ToDo => "to do",
                CheckStatus::Unknown => "?",
            };
            let (check, message) = (plain(&found.subject), plain(&found.message));
            let _ = writeln!(lines, "  {verdict}\t{check}\t{message}");
        }
        out.push_str(&align(&lines)?);
        if !self.warnings.is_empty() {
            out.push_str("\nWorth knowing\n");
            for warning in &self.warnings {
                let _ = writeln!(out, "  - {}", plain(warning));
            }
        }
        let _ = match self.to_do() {
            0 if self.is_unchecked() => {
                writeln!(
                    out,
                    "\nNothing to do, as far as could be checked: see rules."
                )
            }
            0 => writeln!(out, "\nNothing to do."),
            1 => writeln!(out, "\nOne thing to do."),
            count => writeln!(out, "\n{count} things to do."),
        };
        Ok(out)
    }

    /// The report for programs.
    ///
    /// # Errors
    /// Never: the report contains only text.
    pub fn json(&self) -> anyhow::Result<String> {
        let document = Document {
            well: self.is_well(),
            report: self,
        };
        json(&document)
    }
}
