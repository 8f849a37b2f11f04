//! The texts that each language has to provide.

use crate::{
    api::v1alpha1::AppKind,
    setup::{
        step::{Act, Caution, Evidence, Mistake, State, StepId},
        warning::Warning,
    },
};

/// The texts of one language.
#[derive(Debug)]
pub struct Words {
    /// What has to be done.
    pub title: fn(StepId, AppKind) -> &'static str,
    /// The place, if it is not in Zoom's portal.
    pub elsewhere: fn(StepId) -> Option<&'static str>,
    /// The progress.
    pub state: fn(State) -> &'static str,
    /// What to do with a value.
    pub act: fn(Act) -> &'static str,
    /// Where a value that is copied goes: kind and name of the object, and its key.
    pub target: fn(&str, &str, &str) -> String,
    /// What proves a step.
    pub evidence: fn(&Evidence) -> String,
    /// A mistake, with the remedy.
    pub mistake: fn(&Mistake) -> String,
    /// What to avoid.
    pub caution: fn(Caution) -> &'static str,
    /// A risk, with the remedy.
    pub warning: fn(&Warning) -> String,
    /// The next step in one line, with its title.
    pub next: fn(&str) -> String,
    /// Nothing is left.
    pub nothing: fn(&[&str]) -> String,
    /// A sentence with the titles of steps without proof.
    pub unproved: fn(&[&str]) -> String,
    /// The separator between sentences.
    pub gap: &'static str,
}
