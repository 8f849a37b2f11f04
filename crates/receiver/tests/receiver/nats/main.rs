//! The NATS sink against a real server with `JetStream`: `nats-server` of `NATS_SERVER` or of `PATH`. Without
//! one, the tests are reported as ignored.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop"
)]
#![allow(dead_code, reason = "what is shared has more than is used here")]

#[path = "../client.rs"]
mod client;
#[path = "../fixture.rs"]
mod fixture;
#[path = "../sink.rs"]
mod sink;
#[path = "../tenants.rs"]
mod tenants;
#[path = "../tls.rs"]
mod tls;

mod access;
mod delivery;
mod places;
mod routes;
mod server;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Trial};

/// A test and its name.
type Case = (&'static str, fn());

/// The cases, each run on a runtime of its own.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        /// The cases of this module.
        pub fn cases() -> Vec<crate::Case> {
            vec![$((concat!(module_path!(), "::", stringify!($name)), || crate::run($name()))),*]
        }
    };
}
use cases;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let cases: [Vec<Case>; _] = [
        access::cases(),
        delivery::cases(),
        places::cases(),
        routes::cases(),
    ];
    let trials = cases.into_iter().flatten().map(|(name, case)| {
        let name = name.strip_prefix("nats::").unwrap_or(name);
        Trial::ignorable_test(name, move || {
            if server::program().is_none() {
                let reason = "there is no nats-server in PATH, and NATS_SERVER names none";
                return Ok(Completion::ignored_with(reason));
            }
            case();
            Ok(Completion::Completed)
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn run(case: impl Future<Output = ()>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(case);
}
