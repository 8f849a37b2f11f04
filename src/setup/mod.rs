//! What people have to do in Zoom's portal, as data: each step with the exact text to paste, and what proves
//! that it was done. Pure.
//!
//! No step is ticked without proof. A step is [`Done`](State::Done) if the operator saw the proof,
//! [`Open`](State::Open) if it would have seen the proof or knows a mistake, and [`Unknown`](State::Unknown)
//! otherwise: redirect URL and scopes, for example, show only when somebody authorizes.
//!
//! | question | module |
//! |---|---|
//! | What is a step? | [`step`] |
//! | What has to be known? | [`facts`] |
//! | What does a status say about it? | [`known`] |
//! | What do the connections say in total? | [`people`] |
//! | Which steps does an app need, in which order? | [`order`] |
//! | What has to be pasted, chosen, copied? | [`entries`] |
//! | Is it done, and if not, what was done wrong? | [`judge`] |
//! | Which settings are risky? | [`warning`] |
//! | How is it worded? | [`words`] |

pub mod counts;
pub mod entries;
pub mod facts;
pub mod judge;
pub mod known;
pub mod order;
pub mod people;
pub mod step;
pub mod warning;
pub mod words;

use jiff::Timestamp;

pub use self::{
    facts::Facts,
    step::{Act, Caution, Entry, Evidence, Mistake, State, Step, StepId},
    warning::{Warning, warnings},
};
use crate::api::v1alpha1::ZoomIntegrationSpec;

/// The steps for an app, in the order of Zoom's portal, with their states at `now`.
#[must_use]
pub fn steps(spec: &ZoomIntegrationSpec, facts: &Facts, now: Timestamp) -> Vec<Step> {
    order::ids(spec, facts)
        .into_iter()
        .map(|id| {
            let finding = judge::judge(id, spec, facts, now);
            Step {
                id,
                kind: spec.app.kind,
                entries: entries::entries(id, spec, facts),
                since: facts.since(id, finding.state).or(finding.at).or(Some(now)),
                state: finding.state,
                evidence: finding.evidence,
                mistakes: finding.mistakes,
                cautions: order::cautions(id, spec),
            }
        })
        .collect()
}

/// The step to do next: the first one known to be open, then the installation, then the first one whose proof
/// is still to come. `None` if everything that can be proved is done.
#[must_use]
pub fn next(steps: &[Step]) -> Option<&Step> {
    let first = |wanted: &dyn Fn(&&Step) -> bool| steps.iter().find(|step| wanted(step));
    first(&|step| step.state == State::Open)
        .or_else(|| first(&|step| step.id == StepId::Install && step.state != State::Done))
        .or_else(|| first(&|step| step.state == State::Unknown && step.evidence.is_awaited()))
}

/// The steps before `step` that have no proof yet but will get one.
#[must_use]
pub fn unproved<'a>(steps: &'a [Step], step: &Step) -> Vec<&'a Step> {
    steps
        .iter()
        .take_while(|before| before.id != step.id)
        .filter(|before| before.state == State::Unknown && before.evidence.is_awaited())
        .collect()
}

#[cfg(test)]
pub(crate) mod tests;
