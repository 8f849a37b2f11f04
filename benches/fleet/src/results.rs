//! What was measured, as it is kept. Times are seconds, sizes are bytes.

use serde::{Deserialize, Serialize};

use crate::audit::{Requests, all};

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
    /// How long each phase took, with everything that it needed.
    pub phases: Vec<(String, f64)>,
    /// Memory that the controller may use.
    pub limit: u64,
    /// The bare client.
    pub floor: Floor,
    /// The controller without any integration.
    pub start: Memory,
    /// The growing fleet: what each step cost, from the first creation to the last `Connected`.
    pub steps: Vec<Cost>,
    /// Bytes of all integrations as the API server lists them, without their Secrets.
    pub stored: u64,
    /// With nothing to do.
    pub idle: Cost,
    /// A controller that starts with all of them.
    pub restart: Start,
    /// One of two controllers is killed.
    pub leader: Leader,
    /// All refresh at once.
    pub refresh: Refresh,
    /// One tenant's failures beside another's work. Runs of earlier versions have none.
    #[serde(default)]
    pub fairness: Fairness,
    /// Many connections of one app.
    pub connections: Connections,
    /// Many receivers.
    pub receivers: Receivers,
    /// Time until all are gone.
    pub deleted: f64,
}

/// What the controller used in a time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Cost {
    /// For how many objects.
    pub objects: u32,
    /// How long it took.
    pub seconds: f64,
    /// CPU time.
    pub cpu: f64,
    /// What it asked the API server for, but for its Lease and watches.
    pub requests: Requests,
    /// Memory at the end.
    pub memory: Memory,
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

/// The bare client's times for all integrations.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Floor {
    /// To create and serve them.
    pub served: f64,
    /// To delete them.
    pub deleted: f64,
}

/// A controller that takes over everything.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Start {
    /// Time to list the integrations once, in pages of 500.
    pub list: f64,
    /// From the moment when it leads until a new integration is connected.
    pub new_object: f64,
    /// Writes for integrations that were there before.
    pub writes: u64,
    /// Requests to Zoom but for the new integration.
    pub zoom_requests: f64,
    /// Until a while after the new integration was connected.
    pub cost: Cost,
}

/// The leader is killed, and another replica takes over.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Leader {
    /// After how long without a renewal another replica takes over, by the Lease.
    pub lease: f64,
    /// From the kill until another one leads.
    pub without: f64,
    /// What follows.
    pub start: Start,
    /// The same once more, while so many integrations refresh.
    pub refreshing: u32,
    /// How many of them had their new token before the kill.
    pub before: u32,
    /// How many of them Zoom gave another one all the same.
    pub twice: u32,
    /// Requests to Zoom beyond one for each: their answers were lost with the leader.
    pub again: u32,
}

/// All tokens are replaced at once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Refresh {
    /// Until the last has another token.
    pub cost: Cost,
    /// Writes for each: the floor is 2, the Secret and the status.
    pub writes_each: f64,
    /// Time until a new integration was connected meanwhile.
    pub new_object: f64,
    /// How many were still to be refreshed when it was made.
    #[serde(default)]
    pub still_due: u32,
    /// The same while ten refresh.
    pub new_object_beside_ten: f64,
}

/// One namespace full of failures beside another one, in which ten are created after ten others.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Fairness {
    /// How many failing integrations.
    pub failing: u32,
    /// Before there are any.
    pub alone: Tens,
    /// While the failing ones are created.
    pub while_created: Tens,
    /// While they are tried again.
    pub while_retried: Tens,
    /// How many were tried again meanwhile.
    pub retried: f64,
    /// How many objects were late afterwards.
    pub late: f64,
}

/// Times until ten new integrations were connected, one by one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tens {
    /// By the controller.
    pub ours: Vec<f64>,
    /// By the bare client, at the same times.
    pub bare: Vec<f64>,
}

/// Many accounts allow one app.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Connections {
    /// How many.
    pub count: u32,
    /// The first and the second half consent.
    pub consents: [Cost; 2],
    /// All refresh at once.
    pub refresh: Cost,
    /// The app's Secret is changed once.
    pub edit: Cost,
    /// Requests to Zoom for that.
    pub edit_zoom_requests: u64,
    /// Most requests to Zoom within a second, of the last thousand after each of these.
    pub busiest_second: usize,
    /// Most requests to Zoom under way at a time.
    pub zoom_in_flight: u64,
    /// Refresh tokens that were sent again although the reply had arrived.
    pub spent_again: u64,
}

/// Many receivers, on a node that only seems to be one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Receivers {
    /// How many.
    pub count: u32,
    /// The first and the second half are made.
    pub made: [Cost; 2],
    /// Requests for facts meanwhile.
    pub polls_while_made: u64,
    /// Afterwards, with nothing to do.
    pub rest: Cost,
    /// Requests for facts meanwhile.
    pub polls_at_rest: u64,
    /// All are replaced, by a change of the operator's settings.
    pub rollout: Cost,
    /// Most at a time that were seen under way.
    pub at_a_time: usize,
    /// How many the chart allows.
    pub allowed_at_a_time: usize,
}

// === impl Results ===

impl Results {
    /// The controller's time for all integrations.
    pub fn served(&self) -> f64 {
        self.steps.iter().map(|step| step.seconds).sum()
    }

    /// Its highest memory.
    pub fn peak(&self) -> u64 {
        let costs = [
            &self.idle,
            &self.restart.cost,
            &self.leader.start.cost,
            &self.refresh.cost,
        ];
        let costs = self.steps.iter().chain(costs);
        costs.map(|cost| cost.memory.peak).max().unwrap_or_default()
    }

    /// The cost of the first so many steps together; memory is that after the last of them.
    pub fn first(&self, steps: usize) -> Cost {
        let mut sum = Cost::default();
        for step in self.steps.iter().take(steps) {
            sum.objects += step.objects;
            sum.seconds += step.seconds;
            sum.cpu += step.cpu;
            sum.memory = step.memory;
            for (name, count) in &step.requests {
                *sum.requests.entry(name.clone()).or_default() += count;
            }
        }
        sum
    }
}

// === impl Cost ===

impl Cost {
    /// CPU time for each object.
    pub fn cpu_each(&self) -> f64 {
        self.cpu / f64::from(self.objects.max(1))
    }

    /// Requests to the API server for each object.
    #[allow(clippy::cast_precision_loss, reason = "counts")]
    pub fn requests_each(&self) -> f64 {
        all(&self.requests) as f64 / f64::from(self.objects.max(1))
    }
}
