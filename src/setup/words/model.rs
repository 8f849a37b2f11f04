//! What each language has to say.

use crate::{
    api::v1alpha1::AppKind,
    setup::{
        step::{Act, Caution, Evidence, Mistake, State, StepId},
        warning::Warning,
    },
};

/// The words of one language.
#[derive(Debug)]
pub struct Words {
    /// What has to be done.
    pub title: fn(StepId, AppKind) -> &'static str,
    /// Where, if it is not in Zoom's portal.
    pub elsewhere: fn(StepId) -> Option<&'static str>,
    /// How far it is.
    pub state: fn(State) -> &'static str,
    /// How a value gets to its place.
    pub act: fn(Act) -> &'static str,
    /// What proves a step.
    pub evidence: fn(&Evidence) -> String,
    /// What was done wrong, with the remedy.
    pub mistake: fn(&Mistake) -> String,
    /// What to keep one's hands off.
    pub caution: fn(Caution) -> &'static str,
    /// What is unwise, with the remedy.
    pub warning: fn(&Warning) -> String,
    /// The next step in one line: around its title.
    pub next: fn(&str) -> String,
    /// Nothing is left.
    pub nothing: fn(&[&str]) -> String,
    /// Around the titles of steps that nothing has proved.
    pub unproved: fn(&[&str]) -> String,
    /// Between sentences.
    pub gap: &'static str,
}
