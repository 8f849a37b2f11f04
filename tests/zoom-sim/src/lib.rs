//! The offline Zoom: token endpoint, consent pages, a little of the REST API and signed webhooks, as strict as the real thing, with
//! faults on demand, plus a demo sink that records what is posted to it. Independent of the product on purpose: the two
//! share no code, so an error in one is not repeated by the other.

mod accounts;
mod admin;
mod api;
mod apps;
mod authorize;
mod canned;
mod codes;
mod counters;
mod deauthorization;
mod deliveries;
mod endings;
mod errors;
mod exchanges;
mod faults;
mod form;
mod front;
mod gate;
mod grants;
mod ident;
mod names;
mod oauth;
mod pages;
mod people;
mod portal;
mod revoke;
mod server;
mod sessions;
mod settings;
mod signature;
mod sink;
mod tls;
mod token;
mod validation;
mod webhooks;
mod wire;

pub use server::{Options, Server, WEBHOOK_TIMEOUT};
pub use sink::Sink;
pub use tls::install_crypto;
