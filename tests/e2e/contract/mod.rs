//! The status contract (docs/status.md, "How tools read it"): each row on the live cluster, before each judge.

pub mod judges;
mod person;
mod working;

use serde_json::Value;

use self::judges::{Kstatus, Row};
use crate::bed::{Bed, Case, Sim, Tenant};

pub fn cases() -> Vec<Case> {
    [working::cases(), person::cases()]
        .into_iter()
        .flatten()
        .collect()
}

const UNSEEN: Row = Row {
    ready: "absent",
    reconciling: "absent",
    stalled: "absent",
    kstatus: Kstatus::InProgress,
    argo: "Progressing",
};

const FIRST_WORK: Row = Row {
    ready: "Unknown",
    reconciling: "True",
    ..UNSEEN
};

const WAITS_FOR_A_PERSON: Row = Row {
    ready: "False",
    reconciling: "True",
    argo: "Suspended",
    ..UNSEEN
};

const USABLE: Row = Row {
    ready: "True",
    kstatus: Kstatus::Current,
    argo: "Healthy",
    ..UNSEEN
};

const RETRYING: Row = Row {
    ready: "False",
    reconciling: "True",
    argo: "Degraded",
    ..UNSEEN
};

const STALLED: Row = Row {
    ready: "False",
    stalled: "True",
    kstatus: Kstatus::Failed,
    argo: "Degraded",
    ..UNSEEN
};

/// A tenant that Zoom knows, with its credentials in the cluster; the integration is still to be applied.
async fn tenant(bed: &Bed, sim: &Sim, settings: Value) -> anyhow::Result<Tenant> {
    let tenant = Tenant::server_to_server("acme");
    sim.put_app(&tenant, settings).await?;
    bed.apply(&tenant.secret()).await?;
    Ok(tenant)
}
