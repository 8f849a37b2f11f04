//! The start page: which app asks, for whom, for what, and what happens next.

use maud::{Markup, html};

use super::{Frame, Next, masked};
use crate::{
    api::v1alpha1::{Phase, ZoomConnection, ZoomIntegration},
    connect::scopes::Meaning,
};

/// What the page is about.
pub struct Subject<'a> {
    /// The app and its tenant.
    pub integration: &'a ZoomIntegration,
    /// The connection; `None` with self-service.
    pub connection: Option<&'a ZoomConnection>,
}

/// The page.
#[must_use]
pub fn page(frame: &Frame<'_>, subject: &Subject<'_>) -> String {
    let words = &frame.texts().start;
    let app = subject.app();
    let connected = subject.connected();
    let contents = html! {
        @if let Some(name) = subject.name() { p { ((words.greeting)(name)) } }
        p { ((words.intro)(app)) }
        @if connected {
            p.note {
                @match subject.mail() {
                    Some(mail) => ((words.connected_as)(&mail)),
                    None => (words.connected),
                }
            }
        }
        (facts(frame, subject))
        h2 { (words.scopes) }
        (scopes(frame, subject.integration))
        h2 { (words.next) }
        ol { @for step in words.steps { li { (step) } } }
        h2 { (words.undo) }
        p { (words.undo_how) }
        (form(&format!("?lang={}", frame.language.code()), if connected { words.go_again } else { words.go }))
    };
    frame.page(&(words.title)(app), &contents, &Next::Nothing)
}

/// A form without fields: a button that starts the consent.
#[must_use]
pub fn form(action: &str, label: &str) -> Markup {
    html! {
        form.actions method="post" action=(action) { button type="submit" { (label) } }
    }
}

// === impl Subject ===

impl Subject<'_> {
    fn app(&self) -> &str {
        let name = self.integration.metadata.name.as_deref();
        self.integration
            .spec
            .app
            .display_name
            .as_deref()
            .or(name)
            .unwrap_or_default()
    }

    /// Whose the connection is: of an app in another namespace the person need not know where it is.
    fn tenant(&self) -> String {
        let home = self.integration.metadata.namespace.as_ref();
        let metadata = match self.connection {
            Some(connection) if connection.metadata.namespace.as_ref() != home => {
                &connection.metadata
            }
            _ => &self.integration.metadata,
        };
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let name = metadata.name.as_deref().unwrap_or_default();
        format!("{namespace} / {name}")
    }

    fn name(&self) -> Option<&str> {
        let subject = self.connection?.spec.subject.as_ref()?;
        subject.display_name.as_deref()
    }

    /// The mail address of the person that Zoom named, or else of the expected person; masked.
    fn mail(&self) -> Option<String> {
        let connection = self.connection?;
        let found = connection.status.as_ref().and_then(|s| s.subject.as_ref());
        let expected = connection.spec.subject.as_ref();
        found
            .and_then(|subject| subject.email.as_deref())
            .or_else(|| expected.and_then(|subject| subject.email.as_deref()))
            .map(masked)
    }

    fn connected(&self) -> bool {
        self.connection
            .and_then(|connection| connection.status.as_ref())
            .is_some_and(|status| status.phase == Some(Phase::Connected))
    }
}

fn facts(frame: &Frame<'_>, subject: &Subject<'_>) -> Markup {
    let words = &frame.texts().start;
    let mail = subject.mail();
    html! {
        dl {
            dt { (words.app) }
            dd { (subject.app()) }
            dt { (words.tenant) }
            dd { (subject.tenant()) }
            @if subject.name().is_some() || mail.is_some() {
                dt { (words.person) }
                dd {
                    (subject.name().unwrap_or_default())
                    @if let Some(mail) = mail {
                        @if subject.name().is_some() { " (" (mail) ")" } @else { (mail) }
                    }
                }
            }
        }
    }
}

fn scopes(frame: &Frame<'_>, integration: &ZoomIntegration) -> Markup {
    let texts = frame.texts();
    let scopes = &integration.spec.scopes;
    let required = scopes.required.iter().map(|scope| (scope, false));
    let optional = scopes.optional.iter().flatten().map(|scope| (scope, true));
    let all: Vec<_> = required.chain(optional).collect();
    html! {
        @if all.is_empty() { p { (texts.start.no_scopes) } } @else {
            ul {
                @for (scope, optional) in all {
                    li {
                        ((texts.scope)(&Meaning::of(scope)))
                        @if optional { " " span.mark { "(" (texts.optional) ")" } }
                        code { (scope) }
                    }
                }
            }
        }
    }
}
