//! The texts that each language has to provide.

use crate::{api::reason::Reason, connect::scopes::Meaning};

/// A page with a heading and a few paragraphs.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// The heading.
    pub title: &'static str,
    /// The paragraphs.
    pub lines: &'static [&'static str],
}

/// A sentence with something inserted.
pub type Around = fn(&str) -> String;

/// The texts of one language.
#[derive(Debug)]
pub struct Texts {
    /// The name of this site.
    pub site: &'static str,
    /// The language's own name.
    pub name: &'static str,
    /// The label of the links between languages.
    pub languages: &'static str,
    /// The link to the start page.
    pub again: &'static str,
    /// The link to reload the page.
    pub reload: &'static str,
    /// The page at the root.
    pub index: Message,
    /// The page does not exist.
    pub unknown: Message,
    /// The method is not allowed.
    pub method: Message,
    /// The request came from another site.
    pub cross_site: Message,
    /// Too many requests.
    pub rate_limited: Message,
    /// Kubernetes is unavailable, before the consent started.
    pub unavailable: Message,
    /// Kubernetes is unavailable, after Zoom sent a code.
    pub unavailable_callback: Message,
    /// The integration is not prepared.
    pub not_ready: Message,
    /// Self service has reached its limit.
    pub full: Message,
    /// Zoom does not send such parameters.
    pub malformed: Message,
    /// Another browser, or too late.
    pub not_carried: Message,
    /// Another integration's callback.
    pub other_integration: Message,
    /// The person declined.
    pub declined: Message,
    /// Started in Zoom's Marketplace.
    pub marketplace: Message,
    /// The remedy for that, with self-service.
    pub marketplace_here: &'static str,
    /// The remedy for that, without self-service.
    pub marketplace_link: &'static str,
    /// The start page.
    pub start: Start,
    /// The result page.
    pub result: Result,
    /// Errors from Zoom.
    pub error: ErrorWords,
    /// The meaning of a scope.
    pub scope: fn(&Meaning) -> String,
    /// Marks an optional scope.
    pub optional: &'static str,
}

/// The texts of the start page.
#[derive(Debug)]
pub struct Start {
    /// The heading, with the app's name.
    pub title: Around,
    /// Greets the person by name.
    pub greeting: Around,
    /// The introduction, with the app's name.
    pub intro: Around,
    /// The label of the app's name.
    pub app: &'static str,
    /// The label of the tenant.
    pub tenant: &'static str,
    /// The label of the person.
    pub person: &'static str,
    /// The heading of the scopes.
    pub scopes: &'static str,
    /// Shown if no scope is declared.
    pub no_scopes: &'static str,
    /// The heading of the steps.
    pub next: &'static str,
    /// The steps, in order.
    pub steps: &'static [&'static str],
    /// The heading of how to undo it.
    pub undo: &'static str,
    /// How to undo it.
    pub undo_how: &'static str,
    /// It is already connected.
    pub connected: &'static str,
    /// It is already connected, with the mail address.
    pub connected_as: Around,
    /// The button.
    pub go: &'static str,
    /// The button if it is already connected.
    pub go_again: &'static str,
}

/// The texts of the result page.
#[derive(Debug)]
pub struct Result {
    /// The controller is working.
    pub pending: Message,
    /// It takes longer than usual.
    pub slow: Message,
    /// Zoom or the cluster does not do what is needed.
    pub waiting: Message,
    /// It takes longer than usual because a connection has to be created.
    pub slow_self_service: Message,
    /// Done.
    pub connected: Message,
    /// Who it belongs to, with the mail address.
    pub belongs: Around,
    /// It failed.
    pub failed: &'static str,
    /// It is connected, with fewer permissions than required.
    pub incomplete: &'static str,
    /// The reason.
    pub reason: fn(Reason) -> Option<&'static str>,
    /// The label of a reason in the controller's own words.
    pub reported: &'static str,
    /// The connection no longer exists.
    pub gone: Message,
    /// The browser cannot show the result any more.
    pub unknown: Message,
}

/// The texts for an error that Zoom named.
#[derive(Debug)]
pub struct ErrorWords {
    /// The heading.
    pub title: &'static str,
    /// The error's name in a sentence.
    pub named: Around,
    /// Zoom has a problem.
    pub later: &'static str,
    /// The app's settings have a problem.
    pub administrator: &'static str,
}
