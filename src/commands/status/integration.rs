//! The page of a `ZoomIntegration`.

use jiff::Timestamp;
use kube::ResourceExt as _;

use super::page::Page;
use crate::{
    api::{
        condition::Type,
        v1alpha1::{
            App, AppKind, Environment, Management, WebhookStatus, ZoomConnection, ZoomIntegration,
        },
    },
    commands::terminal::{plain, time::when},
};

/// The page, with one line per connection.
///
/// # Errors
/// Never: it is written to memory.
pub fn page(
    integration: &ZoomIntegration,
    connections: &[ZoomConnection],
    now: Timestamp,
) -> anyhow::Result<String> {
    let status = integration.status.clone().unwrap_or_default();
    let mut page = Page::new(now);
    page.field("Name", Some(integration.name_any()));
    page.field("Namespace", integration.namespace());
    page.field("App", Some(app(&integration.spec.app)));
    page.verdict(status.phase, &status.conditions);
    let observed = status.observed_generation.filter(|observed| *observed >= 0);
    if observed.is_some_and(|observed| Some(observed) < integration.metadata.generation) {
        page.field(
            "Note",
            Some("the operator has not seen the latest change yet"),
        );
    }
    page.field("Next", status.next_step.as_ref());
    page.field("Client id", status.client_id.as_ref());
    page.field("Install URL", status.install_url.as_ref());
    page.field("Redirect URL", status.redirect_url.as_ref());
    page.conditions(&status.conditions);
    page.scopes(status.scopes.as_ref());
    page.token(status.token.as_ref());
    if let Some(webhook) = &status.webhook {
        self::webhook(&mut page, webhook, now);
    }
    if !connections.is_empty() {
        page.heading("Connections");
        for connection in connections {
            page.line(&self::connection(connection, integration));
        }
    }
    if !status.warnings.is_empty() {
        page.heading("Worth knowing");
        for warning in &status.warnings {
            page.line(&format!("- {}", plain(warning)));
        }
    }
    page.finish()
}

fn app(app: &App) -> String {
    match app.kind {
        AppKind::General => {}
        AppKind::ServerToServer => return "Server-to-Server".into(),
        AppKind::WebhookOnly => return "Webhook-only".into(),
    }
    let management = match app.management {
        Some(Management::Admin) => "admin-managed",
        _ => "user-managed",
    };
    let environment = match app.environment.unwrap_or_default() {
        Environment::Production => "production",
        Environment::Development => "development",
    };
    let bot = app
        .chatbot
        .as_ref()
        .map_or("", |_| ", with a Team Chat bot");
    format!("General, {management}, {environment}{bot}")
}

fn webhook(page: &mut Page, webhook: &WebhookStatus, now: Timestamp) {
    page.heading("Webhook");
    let time = |time: &Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>| {
        time.as_ref().map(|time| when(time.0, now))
    };
    let declared = webhook.events_declared.unwrap_or_default();
    let seen = webhook.events_seen.len();
    let dead = webhook.buffer.as_ref().map(|buffer| buffer.dead_letters);
    let fields = [
        ("URL", webhook.url.clone()),
        ("validated", time(&webhook.last_validated)),
        ("last signed rightly", time(&webhook.last_verified)),
        ("last signed wrongly", time(&webhook.last_rejected)),
        (
            "events seen",
            (declared > 0).then(|| format!("{seen} of {declared}")),
        ),
        (
            "dead letters",
            dead.filter(|count| *count > 0)
                .map(|count| count.to_string()),
        ),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            page.line(&format!("{name}:\t{}", plain(&value)));
        }
    }
}

fn connection(connection: &ZoomConnection, integration: &ZoomIntegration) -> String {
    let name = connection.name_any();
    let namespace = connection.namespace();
    let name = if namespace == integration.namespace() {
        name
    } else {
        format!("{}/{name}", namespace.unwrap_or_default())
    };
    let status = connection.status.clone().unwrap_or_default();
    let ready = Type::Ready.find(&status.conditions);
    let subject = status.subject.unwrap_or_default();
    let cells = [
        Some(name),
        status.phase.map(|phase| phase.as_str().to_owned()),
        ready.map(|ready| ready.reason.clone()),
        subject.email.or(subject.user_id),
    ];
    let cells = cells.map(|cell| cell.map_or_else(|| "-".to_owned(), |cell| plain(&cell)));
    cells.join("\t")
}
