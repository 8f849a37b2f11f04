//! A grant whose refresh token is replaced with every use, and the protocol that never loses it.
//!
//! Zoom invalidates a refresh token the moment it is used, and its successor exists only in the reply.
//! These invariants hold whatever fails and whenever:
//!
//! - (I1) one refresh token is never sent twice at the same time;
//! - (I2) it is never sent again once its successor was stored;
//! - (I3) it is sent again only after an attempt whose outcome is unknown, and that attempt is on record.
//!
//! So an attempt is recorded before it is made ([`Intent`]), the reply goes to a [`Journal`] that
//! survives a crash of the process, and from there to the [`Store`]. Only a leader may begin; a process that
//! holds a reply must store it, leader or not. [`spend`] is the whole sequence, over small traits: it
//! uses neither Kubernetes nor HTTP. An authorization code is spent in the same way, once.
//!
//! A rejection by Zoom has more than one explanation: the grant no longer exists, or the client credentials belong to
//! another app. So a grant remembers its client id, nothing is sent for another one, and a refresh token
//! that Zoom rejected is [sealed](Seal) before it is erased.

mod commit;
mod credential;
mod journal;
mod model;
mod ports;
mod spend;

pub use commit::{Committed, commit};
pub use credential::{Access, Client, Code, Credential, Pair};
pub use journal::{Directory, Entry, Journal};
pub use model::{Grant, Holder, Intent, Loss, Lost, Seal, Standing};
pub use ports::{Issuer, Refusal, Revoker, Store, StoreError, Term};
pub use spend::{Error, SpendOutcome, spend};
