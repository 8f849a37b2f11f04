//! What two processes of zoom-operator agree on. Pure: no I/O, no Kubernetes.
//!
//! | question | module |
//! |---|---|
//! | How do the consent pages hand an authorization code to the controller? | [`consent`] |
//! | What is a receiver told, which files and ports does it have, what does its control port say? | [`receiver`] |
//! | What does a receiver tell the controller? | [`facts`], what goes wrong: [`health`], of many accounts: [`routing_facts`] |
//! | Where does Zoom look for the file that validates a domain? | [`domain_validation`] |
//! | How does a receiver prove that a URL leads to it? | [`proof`] |
//! | Which states is the tenant's back end told of? | [`lifecycle`] |
//! | Which value is in a key of a credentials Secret? | [`secret_value`] |
//! | Which languages do pages and handouts have? | [`language`] |
//! | What does an event's name look like? | [`event_name`] |

pub mod consent;
pub mod domain_validation;
pub mod event_name;
pub mod facts;
pub mod health;
pub mod language;
pub mod lifecycle;
pub mod mac;
pub mod proof;
pub mod receiver;
pub mod removal;
pub mod routing_facts;
pub mod secret_value;

pub use self::language::Language;
