//! A page about one resource: headings, fields, conditions.

use std::fmt::Write as _;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::{
    api::{
        condition::Type,
        v1alpha1::{Phase, ScopesStatus, TokenStatus},
    },
    commands::terminal::{
        plain,
        table::align,
        time::{age, when},
    },
};

/// A page as of one point in time.
pub struct Page {
    text: String,
    now: Timestamp,
}

// === impl Page ===

impl Page {
    /// Creates an empty page.
    pub fn new(now: Timestamp) -> Self {
        Self {
            text: String::new(),
            now,
        }
    }

    /// Adds a field, if it has a value.
    pub fn field(&mut self, name: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            let _ = writeln!(self.text, "{name}:\t{}", plain(value.as_ref()));
        }
    }

    /// Adds a field with a time.
    pub fn time(&mut self, name: &str, time: Option<&Time>) {
        let now = self.now;
        self.field(name, time.map(|time| when(time.0, now)));
    }

    /// Adds a heading; what follows is indented.
    pub fn heading(&mut self, title: &str) {
        let _ = writeln!(self.text, "\n{title}");
    }

    /// Adds a line below a heading.
    pub fn line(&mut self, text: &str) {
        let _ = writeln!(self.text, "  {text}");
    }

    /// Adds the state and its reason.
    pub fn verdict(&mut self, phase: Option<Phase>, conditions: &[Condition]) {
        self.field(
            "Status",
            Some(phase.map_or("not seen by the operator", Phase::as_str)),
        );
        if let Some(ready) = Type::Ready.find(conditions) {
            self.field(
                "Ready",
                Some(format!("{} ({})", ready.status, ready.reason)),
            );
            self.field("Why", Some(&ready.message).filter(|text| !text.is_empty()));
        }
    }

    /// Adds the conditions except `Ready`, with messages of those that are not met.
    pub fn conditions(&mut self, conditions: &[Condition]) {
        let ready = Type::Ready.as_str();
        let others: Vec<&Condition> = conditions.iter().filter(|c| c.type_ != ready).collect();
        if others.is_empty() {
            return;
        }
        self.heading("Conditions");
        for found in others {
            let since = age(found.last_transition_time.0, self.now);
            let message = Some(found.message.as_str()).filter(|_| found.status != "True");
            let message = message.unwrap_or_default();
            let cells = [
                &found.type_,
                &found.status,
                &found.reason,
                since.as_str(),
                message,
            ];
            self.line(&cells.map(plain).join("\t"));
        }
    }

    /// Adds the scopes.
    pub fn scopes(&mut self, scopes: Option<&ScopesStatus>) {
        let Some(scopes) = scopes else { return };
        self.heading("Scopes");
        for (name, list) in [
            ("granted", &scopes.granted),
            ("missing", &scopes.missing),
            ("in excess", &scopes.excess),
        ] {
            if !list.is_empty() {
                self.line(&format!("{name}:\t{}", plain(&list.join(", "))));
            }
        }
    }

    /// Adds the token.
    pub fn token(&mut self, token: Option<&TokenStatus>) {
        let Some(token) = token else { return };
        self.heading("Token");
        let now = self.now;
        let mut field = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                self.line(&format!("{name}:\t{}", plain(&value)));
            }
        };
        field("Secret", token.secret_name.clone());
        field(
            "expires",
            token.expires_at.as_ref().map(|time| when(time.0, now)),
        );
        field(
            "next refresh",
            token.refresh_at.as_ref().map(|time| when(time.0, now)),
        );
        if let Some(failure) = &token.failure {
            let attempts = failure.attempts;
            let last = when(failure.time.0, now);
            field(
                "failed",
                Some(format!("{attempts} times, last {last}, {}", failure.reason)),
            );
            field("because", Some(failure.message.clone()));
            field("next attempt", Some(when(failure.retry_at.0, now)));
        }
    }

    /// The page.
    ///
    /// # Errors
    /// Never: it is written to memory.
    pub fn finish(self) -> anyhow::Result<String> {
        align(&self.text)
    }
}
