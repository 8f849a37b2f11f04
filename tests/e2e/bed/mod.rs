//! The test bed. A test is an `async fn(Bed) -> anyhow::Result<()>`, listed by its module as a [`Case`]:
//!
//! ```ignore
//! pub fn cases() -> Vec<Case> {
//!     vec![
//!         Case::new("tokens::refresh", refresh),
//!         Case::new("faults::frozen_leader", frozen_leader).needs_host(),
//!         Case::new("serial::api_server_restarts", restarts).needs_host(),
//!     ]
//! }
//!
//! async fn refresh(bed: Bed) -> anyhow::Result<()> {
//!     let (sim, operator) = bed.zoom_and_operator(&Options::default()).await?;
//!     let tenant = Tenant::server_to_server("acme");
//!     sim.put_app(&tenant, json!({"token_lifetime_seconds": 15})).await?;
//!     bed.apply(&tenant.secret()).await?;
//!     bed.apply(&tenant.manifest()).await?;
//!     bed.until_reason("acme", "Connected").await?;
//!     Ok(())
//! }
//! ```
//!
//! Names that begin with `serial::` run last, one at a time. A failed test prints the objects, the events and the logs of
//! its namespace. Nothing sleeps for a fixed time: [`wait::wait_for`] and [`Bed::until`] wait for a condition.

#![allow(dead_code, reason = "each module of tests takes what it needs")]
#![allow(clippy::similar_names, reason = "a path and a patch")]
#![allow(unused_imports, reason = "each module of tests takes what it needs")]

mod app;
pub mod argocd;
mod authority;
mod case;
pub mod consent;
pub mod evidence;
mod front;
pub mod gateway;
mod kwok;
pub mod lua;
mod namespace;
mod nats;
pub mod object;
mod operator;
pub mod process;
pub mod program;
mod release;
mod shared_app;
mod sim;
mod suite;
mod tenant;
pub mod tools;
pub mod volume;
pub mod wait;
mod watch;

pub use self::{
    app::{App, Minted, USER_SCOPE},
    authority::{Authority, Certified},
    case::{Case, run},
    evidence::keep,
    front::Front,
    kwok::Kwok,
    namespace::Bed,
    nats::Nats,
    object::path,
    operator::{Operator, Options, PAGES, chosen_images, image},
    release::Release,
    sim::Sim,
    tenant::{SCOPE, Tenant, merge, secret, unique},
    wait::{LIMIT, wait_for},
    watch::History,
};
