//! What the controller and a receiver agree on: both sides use these types, so that neither can spell
//! anything differently.
//!
//! | question | module |
//! |---|---|
//! | What is a receiver told on its command line? | [`flags`], and of its sink [`sink_flags`] |
//! | Where do the events of an account go? | [`routes`], with the flags [`routing_flags`] |
//! | Which types do the values of flags have (integration, attribute, scheme)? | [`values`] |
//! | How is a time written? | [`seconds`] |
//! | Which files does it find, and where? | [`files`] |
//! | Which ports does it listen on? | [`ports`] |
//! | What does the control port say? | [`control`] |

pub mod control;
pub mod files;
pub mod flags;
pub mod ports;
pub mod routes;
pub mod routing_flags;
pub mod seconds;
pub mod sink_flags;
pub mod values;

pub use self::{
    flags::Flags,
    routing_flags::RoutingFlags,
    sink_flags::{NatsMessageId, ServiceAddresses, SinkFlags, SinkFormat},
    values::{Attribute, Integration, Scheme, SinkUrl},
};
