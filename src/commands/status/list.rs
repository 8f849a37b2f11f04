//! The table of integrations.

use kube::ResourceExt as _;

use crate::{
    api::{
        condition::Type,
        v1alpha1::{AppKind, ZoomIntegration},
    },
    commands::terminal::table::{align, cell},
};

/// Maximum length of the next step: the page has all of it.
const NEXT: usize = 72;

/// The table, with one line per integration.
///
/// # Errors
/// Never: it is written to memory.
pub fn render(found: &[ZoomIntegration], everywhere: bool) -> anyhow::Result<String> {
    let head = ["NAMESPACE", "NAME", "KIND", "STATUS", "READY", "NEXT"].map(ToOwned::to_owned);
    let rows = std::iter::once(head).chain(found.iter().map(row));
    let from = usize::from(!everywhere);
    let lines: String = rows.map(|row| row[from..].join("\t") + "\n").collect();
    align(&lines)
}

fn row(integration: &ZoomIntegration) -> [String; 6] {
    let none = || "-".to_owned();
    let status = integration.status.as_ref();
    let phase = status.and_then(|status| status.phase);
    let ready = status.and_then(|status| Type::Ready.find(&status.conditions));
    let next = status.and_then(|status| status.next_step.as_deref());
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
        next.map_or_else(none, |next| cell(next, NEXT)),
    ]
}
