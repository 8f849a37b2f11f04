//! What the watches know about all objects, in one place. [`Index::told`] adds an object, [`Index::delete`]
//! forgets it with everything known about it. Both return the objects that need a pass because of the change.
//!
//! The index is never older than our own last write: after a write, the answer goes to [`Index::wrote`]. It
//! holds no data of any Secret.
//!
//! | question | answer |
//! |---|---|
//! | which objects of a kind exist | `cache` |
//! | what is asked of an object that is not read | `facts` |
//! | which objects exist, and how they belong together | `objects` |
//! | which connections prove or claim an account | `accounts` |
//! | which kinds are indexed, what is left out, who is affected by a change | `watched`, `declared` |
//! | who is affected by a change of a Secret | `secrets` |
//! | what do receivers tell | `receivers` |
//! | is a route still somebody's | `presence` |
//! | has a watch listed everything | `coverage` |
//! | which connections name a user or an account, which have sinks | `subjects` |
//! | what do the connections of an integration say in total | `counted`, `totals` |
//! | which objects does this operator serve | `served` |
//! | what did the last pass find | `passes`, `fleet` |
//! | what does it know of other releases | `claims` |
//! | which namespaces cannot be watched | `away` |
//! | does another release serve the object, too | `rivals` |
//! | when are receivers asked for their facts | `polls` |
//! | which changes of Secrets are our own | `echoes` |
//! | which Secrets exist | `existing` |
//! | which objects have consents that are not over | `handed` |
//! | does an integration declare a Gateway | `gateways` |

mod accounts;
mod away;
mod cache;
mod claims;
mod counted;
mod coverage;
mod declared;
mod echoes;
mod existing;
mod facts;
mod fleet;
mod gateways;
mod handed;
mod objects;
mod passes;
mod polls;
mod presence;
mod receivers;
mod relation;
mod rivals;
mod secrets;
mod served;
mod state;
mod subjects;
mod told;
mod totals;
mod watched;

pub use self::{
    cache::is_newer,
    coverage::Watch,
    fleet::{Figures, Member},
    handed::Consent,
    objects::Guarded,
    presence::Presence,
    rivals::Claim,
    state::{Affected, Index, NAMESPACES},
    told::Told,
    totals::Summary,
    watched::Watched,
};

#[cfg(test)]
pub use self::totals::Totals;

#[cfg(test)]
mod cost;
#[cfg(test)]
pub mod fixture;
#[cfg(test)]
mod tests;
