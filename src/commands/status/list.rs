//! The tables of integrations and connections.

use kube::ResourceExt as _;

use crate::{
    api::{
        condition::Type,
        v1alpha1::{AppKind, ZoomConnection, ZoomIntegration},
    },
    commands::terminal::{
        plain,
        table::{align, cell},
    },
};

/// Maximum length of the next step: the page has all of it.
const NEXT: usize = 72;

/// The tables, with one line for each object.
///
/// # Errors
/// Never: it is written to memory.
pub fn render(
    integrations: &[ZoomIntegration],
    connections: &[ZoomConnection],
    everywhere: bool,
) -> anyhow::Result<String> {
    let mut tables = Vec::new();
    if !integrations.is_empty() {
        let head = [
            "NAMESPACE",
            "NAME",
            "KIND",
            "STATUS",
            "READY",
            "CONNECTED",
            "NEXT",
        ];
        tables.push(table(
            head,
            integrations.iter().map(integration),
            everywhere,
        )?);
    }
    if !connections.is_empty() {
        let head = [
            "NAMESPACE",
            "CONNECTION",
            "INTEGRATION",
            "STATUS",
            "READY",
            "EVENTS",
            "ACCOUNT",
        ];
        tables.push(table(head, connections.iter().map(connection), everywhere)?);
    }
    Ok(tables.join("\n"))
}

/// A table without the column of namespaces unless there are several.
fn table(
    head: [&str; 7],
    rows: impl Iterator<Item = [String; 7]>,
    everywhere: bool,
) -> anyhow::Result<String> {
    let from = usize::from(!everywhere);
    let lines: String = std::iter::once(head.map(ToOwned::to_owned))
        .chain(rows)
        .map(|row| row[from..].join("\t") + "\n")
        .collect();
    align(&lines)
}

fn none() -> String {
    "-".to_owned()
}

fn integration(integration: &ZoomIntegration) -> [String; 7] {
    let status = integration.status.as_ref();
    let phase = status.and_then(|status| status.phase);
    let ready = status.and_then(|status| Type::Ready.find(&status.conditions));
    let next = status.and_then(|status| status.next_step.as_deref());
    let connections = status.and_then(|status| status.connections.as_ref());
    [
        integration.namespace().unwrap_or_default(),
        integration.name_any(),
        match integration.spec.app.kind {
            AppKind::General => "General",
            AppKind::ServerToServer => "Server-to-Server",
            AppKind::WebhookOnly => "Webhook-only",
        }
        .into(),
        phase.map_or_else(none, |phase| phase.as_str().into()),
        ready.map_or_else(none, |ready| ready.status.clone()),
        connections.map_or_else(none, |of| format!("{} of {}", of.connected, of.total)),
        next.map_or_else(none, |next| cell(next, NEXT)),
    ]
}

fn connection(connection: &ZoomConnection) -> [String; 7] {
    let namespace = connection.namespace().unwrap_or_default();
    let reference = &connection.spec.integration_ref;
    let status = connection.status.as_ref();
    let phase = status.and_then(|status| status.phase);
    let conditions = status.map_or(&[][..], |status| &status.conditions);
    let ready = Type::Ready.find(conditions);
    let events = Type::EventsRouted.find(conditions);
    [
        namespace.clone(),
        connection.name_any(),
        if reference.is_foreign(&namespace) {
            format!("{}/{}", reference.namespace(&namespace), reference.name)
        } else {
            reference.name.clone()
        },
        phase.map_or_else(none, |phase| phase.as_str().into()),
        ready.map_or_else(none, |ready| ready.status.clone()),
        events.map_or_else(none, |events| plain(&events.reason)),
        account(connection).map_or_else(none, |account| plain(&account)),
    ]
}

/// The Zoom account of a connection: the one that a consent proved, or that of who authorized.
#[must_use]
pub fn account(connection: &ZoomConnection) -> Option<String> {
    let status = connection.status.as_ref()?;
    let proved = status.account.as_ref().map(|account| account.id.clone());
    proved.or_else(|| status.subject.as_ref()?.account_id.clone())
}
