//! The page of a `ZoomConnection`.

use jiff::Timestamp;
use kube::ResourceExt as _;

use super::{list::account, page::Page};
use crate::{
    api::v1alpha1::{ConsentStatus, EventsStatus, ZoomConnection},
    commands::terminal::{plain, time::when},
};

/// The page.
///
/// # Errors
/// Never: it is written to memory.
pub fn page(connection: &ZoomConnection, now: Timestamp) -> anyhow::Result<String> {
    let status = connection.status.clone().unwrap_or_default();
    let mut page = Page::new(now);
    page.field("Name", Some(connection.name_any()));
    page.field("Namespace", connection.namespace());
    let reference = &connection.spec.integration_ref;
    let app = match &reference.namespace {
        Some(namespace) => format!("{namespace}/{}", reference.name),
        None => reference.name.clone(),
    };
    page.field("Integration", Some(app));
    page.verdict(status.phase, &status.conditions);
    page.field("Install URL", status.install_url.as_ref());
    if let Some(subject) = &status.subject {
        page.field(
            "Zoom user",
            subject.email.as_ref().or(subject.user_id.as_ref()),
        );
    }
    page.field("Zoom account", account(connection));
    if let Some(grant) = &status.grant {
        page.time("Authorized", grant.since.as_ref());
        page.time("Grant ends", grant.expires_at.as_ref());
        page.field("Grant lost", grant.lost.as_ref());
    }
    if let Some(consent) = status.consent.filter(ConsentStatus::has_failed) {
        page.field("Last consent", Some(consent.message));
    }
    page.conditions(&status.conditions);
    page.scopes(status.scopes.as_ref());
    page.token(status.token.as_ref());
    if let Some(events) = &status.events {
        self::events(&mut page, events, now);
    }
    page.finish()
}

fn events(page: &mut Page, events: &EventsStatus, now: Timestamp) {
    let failed = events.last_failed_at.as_ref();
    let fields = [
        ("sink fails", events.sink_failure.clone()),
        (
            "dead letters",
            (events.dead_letters > 0).then(|| events.dead_letters.to_string()),
        ),
        ("last one", failed.map(|time| when(time.0, now))),
        ("because", events.last_reason.clone()),
    ];
    if fields.iter().all(|(_, value)| value.is_none()) {
        return;
    }
    page.heading("Events");
    for (name, value) in fields {
        if let Some(value) = value {
            page.line(&format!("{name}:\t{}", plain(&value)));
        }
    }
}
