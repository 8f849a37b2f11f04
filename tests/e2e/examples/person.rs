//! The person: tests/person/setup, with what they leave out and what they do wrong.

use anyhow::ensure;
use serde::Deserialize;
use serde_json::Value;

use super::scene::Scene;
use crate::bed::{PAGES, tools};

/// How the program ends when a step cannot be done as it says.
const STUCK: &str = "     stuck: ";

/// Somebody who works through the setup of an integration.
pub struct Person<'a> {
    scene: &'a Scene,
    args: Vec<String>,
}

/// What became of it.
#[derive(Debug, Deserialize)]
pub struct Walk {
    /// The steps that were done, as the status had them.
    pub steps: Vec<Value>,
    /// What Zoom granted to the vendor's back end.
    pub scope: Option<String>,
}

// === impl Person ===

impl<'a> Person<'a> {
    pub fn new(scene: &'a Scene, integration: &str) -> Self {
        let namespace = scene.bed.namespace();
        let args = [namespace, integration, "--desk", scene.example];
        let person = Self {
            scene,
            args: args.map(str::to_owned).to_vec(),
        };
        if !scene.pages {
            return person;
        }
        let pages = format!("{PAGES}={namespace}/zoom-operator-connect");
        person.with("--site", &pages)
    }

    fn with(mut self, option: &str, value: &str) -> Self {
        self.args.extend([option.to_owned(), value.to_owned()]);
        self
    }

    /// At another desk.
    pub fn desk(self, desk: &str) -> Self {
        self.with("--desk", desk)
    }

    /// Who follows the links.
    pub fn user(self, email: &str) -> Self {
        self.with("--user", email)
    }

    /// Who follows the link of a connection.
    pub fn people(self, connection: &str, email: &str) -> Self {
        self.with("--people", &format!("{connection}={email}"))
    }

    /// This connection's link is not followed.
    pub fn without(self, connection: &str) -> Self {
        self.with("--absent", connection)
    }

    /// Stops before this step.
    pub fn before(self, step: &str) -> Self {
        self.with("--before", step)
    }

    pub fn leaves_out(self, step: &str) -> Self {
        self.with("--leave-out", step)
    }

    /// Does something else in this step: fields of it that differ.
    pub fn slips(self, step: &str, instead: &Value) -> Self {
        self.with("--instead", &format!("{step}={instead}"))
    }

    /// Gives up soon.
    pub fn in_haste(self) -> Self {
        self.with("--patience", "30")
    }

    /// Does all that is to be done.
    pub async fn works(self) -> anyhow::Result<Walk> {
        let (walk, stuck) = self.go().await?;
        ensure!(stuck.is_none(), "stuck: {stuck:?}, after {walk:#?}");
        Ok(walk)
    }

    /// Cannot do all that is to be done; the words that they got stuck at.
    pub async fn gets_stuck(self) -> anyhow::Result<String> {
        let (walk, stuck) = self.go().await?;
        stuck.ok_or_else(|| anyhow::anyhow!("got through: {walk:#?}"))
    }

    async fn go(self) -> anyhow::Result<(Walk, Option<String>)> {
        let root = tools::repository();
        let script = root.join("tests/person/setup").display().to_string();
        let record = tempfile::NamedTempFile::new()?;
        let file = record.path().display().to_string();
        let mut args = vec![script.as_str(), "--record", &file];
        args.extend(self.args.iter().map(String::as_str));
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", root.join(".cluster/bin").display());
        let said = tools::run_with("python3", &args, &[("PATH", &path)]).await?;
        self.scene.keep_secrets().await?;
        let stuck = said
            .stderr
            .lines()
            .find_map(|line| line.strip_prefix(STUCK))
            .map(str::to_owned);
        ensure!(
            said.success != stuck.is_some(),
            "{}{}",
            said.stdout,
            said.stderr
        );
        let walk = serde_json::from_slice(&std::fs::read(record.path())?)?;
        Ok((walk, stuck))
    }
}
