//! The data that the steps of a pass hand to each other. No I/O.

mod applied;
mod cause;
mod judgement;
mod observed;
mod outcome;
mod plan;
mod pods;
mod transition;
mod volumes;

pub use self::{
    applied::{Applied, Checked, ReceiverFinding, ReceiverState},
    cause::Cause,
    judgement::{Exposure, Judgement, Refusal},
    observed::{Observed, Receiver, SinkSecret},
    outcome::{CheckOutcome, Outcome, ReceiverOutcome, TokenOutcome},
    plan::{CredentialsStep, Objects, Plan, ReceiverStep, TokenStep},
    pods::{Live, Order, ReceiverPod, together},
    transition::{Transition, Waiting, Why},
    volumes::{Claimed, Expansion, Volumes},
};
pub use crate::controller::sink_service::SinkService;
