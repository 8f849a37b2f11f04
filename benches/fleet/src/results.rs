//! What was measured, as it is kept. Times are seconds, sizes are bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A whole run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// When it ended.
    pub finished: String,
    /// Processor and number of cores.
    pub machine: String,
    /// How many integrations.
    pub objects: u32,
    /// Requests of the bare client under way at a time.
    pub in_flight: usize,
    /// The bare client's time for all of them.
    pub floor: f64,
    /// The controller's time for all of them, from the first creation to the last `Connected`.
    pub served: f64,
    /// The CPU time that the controller used for it.
    pub served_cpu: f64,
    /// What it asked the API server for.
    pub served_requests: BTreeMap<String, u64>,
    /// Memory with so many integrations.
    pub memory: Vec<(u32, Memory)>,
    /// Bytes of all integrations as the API server lists them, without their Secrets.
    pub stored: u64,
    /// With nothing to do.
    pub idle: Idle,
    /// A controller that starts with all of them.
    pub restart: Restart,
    /// All refresh at once.
    pub refresh: Refresh,
    /// One tenant's failures beside another's work.
    pub fairness: Fairness,
    /// Time until all are gone.
    pub deleted: f64,
    /// The bare client's time for the same.
    pub floor_deleted: f64,
}

/// Resident memory of the controller.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Memory {
    /// All of it.
    pub resident: u64,
    /// What is not the binary.
    pub anonymous: u64,
    /// The most resident memory so far.
    pub peak: u64,
}

/// A time with nothing to do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Idle {
    /// How long.
    pub seconds: f64,
    /// CPU time used.
    pub cpu: f64,
    /// Requests to the API server but for the Lease.
    pub requests: u64,
}

/// A controller that starts with all objects.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Restart {
    /// Time to list the integrations once, in pages of 500.
    pub list: f64,
    /// From the moment when it leads until a new integration is connected.
    pub new_object: f64,
    /// CPU time until then.
    pub cpu: f64,
    /// Writes for integrations that were there before.
    pub writes: u64,
    /// Requests to Zoom but for the new integration.
    pub zoom_requests: f64,
}

/// All tokens are replaced at once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Refresh {
    /// Time until the last has another token.
    pub all: f64,
    /// Writes for each: the floor is 2, the Secret and the status.
    pub writes_each: f64,
    /// Time until a new integration was connected meanwhile.
    pub new_object: f64,
    /// The same with nothing else to do.
    pub new_object_alone: f64,
}

/// One namespace full of failures beside another one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Fairness {
    /// How many failing integrations.
    pub failing: u32,
    /// Time until ten integrations of another namespace were connected meanwhile.
    pub beside: f64,
    /// The same alone.
    pub alone: f64,
}
