//! The pages for callbacks that lead to no connection, and the link to start again.

use std::fmt::Write as _;

use maud::html;

use super::{
    answer::Answer,
    outcome::PageOutcome,
    pages::{Frame, Next, paragraphs, start::form},
    site::{Site, Visit},
    ticket::Ticket,
};
use contract::consent::Target;

/// The context of a refusal.
#[derive(Default)]
pub struct About<'a> {
    /// The ticket, if the browser has the right one.
    pub ticket: Option<&'a Ticket>,
    /// The error that Zoom named.
    pub error: Option<&'a str>,
}

// === impl Site ===

impl Site {
    /// The page of a refusal.
    pub(super) async fn refuse(
        &self,
        visit: &Visit,
        namespace: &str,
        integration: &str,
        outcome: PageOutcome,
        about: About<'_>,
    ) -> Answer {
        let language = visit.language(about.ticket.map(|ticket| ticket.language));
        let mut frame = Frame::new(&self.base, language);
        frame.same = Some(same(outcome, &about));
        let texts = frame.texts();
        let next = match about.ticket {
            Some(ticket) if matches!(outcome, PageOutcome::Declined | PageOutcome::ZoomError) => {
                self.start_again(ticket).await
            }
            _ => Next::Nothing,
        };
        let page = match outcome {
            PageOutcome::Declined => frame.message(&texts.declined, &next),
            PageOutcome::Malformed => frame.message(&texts.malformed, &next),
            PageOutcome::OtherIntegration => frame.message(&texts.other_integration, &next),
            PageOutcome::Marketplace => {
                let start = self.self_service(namespace, integration).await;
                let contents = html! {
                    (paragraphs(&texts.marketplace))
                    @match start {
                        Some(path) => {
                            p { (texts.marketplace_here) }
                            (form(&frame.within(&path), texts.start.go))
                        }
                        None => p { (texts.marketplace_link) },
                    }
                };
                frame.page(texts.marketplace.title, &contents, &next)
            }
            PageOutcome::ZoomError => {
                let words = &texts.error;
                let theirs = matches!(
                    about.error,
                    Some("server_error" | "temporarily_unavailable")
                );
                let contents = html! {
                    @if let Some(name) = about.error { p { ((words.named)(name)) } }
                    p { @if theirs { (words.later) } @else { (words.administrator) } }
                };
                frame.page(words.title, &contents, &next)
            }
            _ => frame.message(&texts.not_carried, &next),
        };
        Answer::ended(outcome, page)
    }

    /// The link to the start page that a ticket came from, if it still exists.
    pub(super) async fn start_again(&self, ticket: &Ticket) -> Next {
        let Ticket {
            namespace,
            connection,
            connection_uid,
            ..
        } = ticket;
        let path = if connection_uid.is_some() {
            let found = self.cluster.connection(namespace, connection).await;
            let status = found.ok().flatten().and_then(|object| object.status);
            let shown = status.and_then(|status| status.install_url);
            let target = Target::Connection;
            self.base
                .start_path(shown.as_deref(), target, namespace, connection)
        } else {
            self.self_service(ticket.integration_namespace(), &ticket.integration)
                .await
        };
        path.filter(|path| *path == self.base.path(&ticket.start))
            .map_or(Next::Nothing, Next::Again)
    }

    /// The path of an integration's own start page, if it has self-service.
    async fn self_service(&self, namespace: &str, integration: &str) -> Option<String> {
        let found = self.cluster.integration(namespace, integration).await;
        let object = found.ok().flatten()?;
        object.spec.self_service()?;
        let shown = object.status?.install_url;
        let target = Target::Integration;
        self.base
            .start_path(shown.as_deref(), target, namespace, integration)
    }
}

/// The query parameters of a refusal in another language: nothing that Zoom sent.
fn same(outcome: PageOutcome, about: &About<'_>) -> String {
    let mut same = format!("notice={}&", outcome.label());
    if let Some(ticket) = about.ticket {
        let _ = write!(same, "consent={}&", ticket.transaction().as_str());
    }
    if let Some(error) = about.error {
        let _ = write!(same, "error={error}&");
    }
    same
}
