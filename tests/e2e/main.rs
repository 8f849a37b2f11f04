//! End-to-end tests: the product on a real cluster, against the offline Zoom.
//!
//! `cargo test --test e2e -- [FILTER]` runs them on the cluster that `KUBECONFIG` names (default: the repository's own).
//! Every test has a namespace, an operator and an offline Zoom of its own. Environment:
//! `CLUSTER=current` leaves out what needs the host's processes, `E2E_KEEP` keeps the namespaces of failed tests,
//! `E2E_IMAGE`, `E2E_RECEIVER_IMAGE` and `E2E_SIM_IMAGE` name other images than the local ones.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop"
)]

mod bad_input;
mod bed;
mod chart;
mod connections;
mod contract;
mod examples;
mod faults;
mod gitops;
mod monitoring;
mod parts;
mod receiver;
mod secrets;
mod setup;
mod tenants;
mod tokens;
mod tools;

use std::process::ExitCode;

use bed::Case;

fn main() -> ExitCode {
    let cases: [Vec<Case>; _] = [
        bad_input::cases(),
        chart::cases(),
        connections::cases(),
        contract::cases(),
        examples::cases(),
        faults::cases(),
        gitops::cases(),
        monitoring::cases(),
        parts::cases(),
        receiver::cases(),
        setup::cases(),
        tenants::cases(),
        tokens::cases(),
        tools::cases(),
        secrets::cases(),
    ];
    bed::run(cases.into_iter().flatten().collect())
}
