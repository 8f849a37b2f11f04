//! What Zoom's scopes are and how they relate: declared, granted, needed, missing. Pure.
//!
//! | question | module |
//! |---|---|
//! | Is it a classic or a granular name, and of which level? | [`name`] |
//! | Which granular scopes does a classic one stand for? | [`mapping`] |
//! | What was granted of what was declared? | [`compare`](mod@compare) |
//! | Which scopes do the declared events need? | [`events`] |
//! | Which scopes does Zoom miss in an answer? | [`message`] |
//! | Which declared scopes are wrong or too broad? | [`warning`] |
//! | Which box has to be ticked? | [`remedy`] |
//!
//! Zoom publishes no table from classic to granular names. The one here is only ever used to warn and
//! to translate: whether a scope is granted, Zoom's answer alone says, by name.

pub mod compare;
pub mod events;
pub mod mapping;
pub mod message;
pub mod name;
pub mod remedy;
pub mod warning;

pub use self::{
    compare::{Comparison, Cover, Covered, compare},
    message::named_as_missing,
    name::{Audience, Level, Style},
    warning::{Warning, warnings},
};
