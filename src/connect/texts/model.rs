//! What each language has to say.

use crate::{api::reason::Reason, connect::scopes::Meaning};

/// A page of a heading and a few paragraphs.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// The heading.
    pub title: &'static str,
    /// The paragraphs.
    pub lines: &'static [&'static str],
}

/// A sentence around something.
pub type Around = fn(&str) -> String;

/// The words of one language.
#[derive(Debug)]
pub struct Texts {
    /// What this site is called.
    pub site: &'static str,
    /// The language's own name.
    pub name: &'static str,
    /// What the links between languages are called.
    pub languages: &'static str,
    /// Leads to the start page once more.
    pub again: &'static str,
    /// Loads the page once more.
    pub reload: &'static str,
    /// The page at the root.
    pub index: Message,
    /// No such page.
    pub unknown: Message,
    /// No such method.
    pub method: Message,
    /// From another site.
    pub cross_site: Message,
    /// Too many requests.
    pub rate_limited: Message,
    /// Kubernetes away, before anything was begun.
    pub unavailable: Message,
    /// Kubernetes away, with a code in hand.
    pub unavailable_callback: Message,
    /// The integration is not prepared.
    pub not_ready: Message,
    /// Self service has made all that it may.
    pub full: Message,
    /// Parameters that Zoom would not send.
    pub malformed: Message,
    /// Another browser, or too late.
    pub not_carried: Message,
    /// Another integration's callback.
    pub other_integration: Message,
    /// The person declined.
    pub declined: Message,
    /// Begun in Zoom's Marketplace.
    pub marketplace: Message,
    /// What to do then, with self service.
    pub marketplace_here: &'static str,
    /// What to do then, without.
    pub marketplace_link: &'static str,
    /// The start page.
    pub start: Start,
    /// The result page.
    pub result: Result,
    /// Zoom's errors.
    pub error: ErrorWords,
    /// A scope.
    pub scope: fn(&Meaning) -> String,
    /// Mark of an optional scope.
    pub optional: &'static str,
}

/// The words of the start page.
#[derive(Debug)]
pub struct Start {
    /// The heading, around the app's name.
    pub title: Around,
    /// Addresses the person by name.
    pub greeting: Around,
    /// What this is about, around the app's name.
    pub intro: Around,
    /// Before the app's name.
    pub app: &'static str,
    /// Before the tenant.
    pub tenant: &'static str,
    /// Before the person.
    pub person: &'static str,
    /// Above the scopes.
    pub scopes: &'static str,
    /// When none is declared.
    pub no_scopes: &'static str,
    /// Above the steps.
    pub next: &'static str,
    /// What happens, in order.
    pub steps: &'static [&'static str],
    /// Above how to undo it.
    pub undo: &'static str,
    /// How to undo it.
    pub undo_how: &'static str,
    /// It is connected already.
    pub connected: &'static str,
    /// The same, around the mail address.
    pub connected_as: Around,
    /// The button.
    pub go: &'static str,
    /// The button when it is connected already.
    pub go_again: &'static str,
}

/// The words of the result page.
#[derive(Debug)]
pub struct Result {
    /// The controller is at work.
    pub pending: Message,
    /// It takes longer than usual.
    pub slow: Message,
    /// Zoom or the cluster does not do what it needs.
    pub waiting: Message,
    /// The same, when a connection has to be made.
    pub slow_self_service: Message,
    /// Done.
    pub connected: Message,
    /// To whom it belongs, around the mail address.
    pub belongs: Around,
    /// It failed.
    pub failed: &'static str,
    /// Why.
    pub reason: fn(Reason) -> Option<&'static str>,
    /// Before a reason in the controller's own words.
    pub reported: &'static str,
    /// The connection is gone.
    pub gone: Message,
}

/// The words about an error that Zoom names.
#[derive(Debug)]
pub struct ErrorWords {
    /// The heading.
    pub title: &'static str,
    /// Around the error's name.
    pub named: Around,
    /// Zoom is in trouble.
    pub later: &'static str,
    /// The app's settings are.
    pub administrator: &'static str,
}
