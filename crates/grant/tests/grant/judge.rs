//! What must hold in every cell.

use std::collections::BTreeMap;

use grant::Lost;

use crate::zoom::Answer;
use crate::{
    cell::{Cell, End, Fate, Heir, Weather},
    process::{Call, Point},
    world::World,
};

/// The losses that nobody can avoid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Zoom spent the credential and its reply was lost on the wire.
    OnTheWire,
    /// The process was killed after the reply left Zoom and before it was in the journal.
    KilledBeforeTheJournal,
    /// The Pod and its journal are gone before the store took what was in it.
    JournalGone,
}

/// Whether the first process was killed with the only copy of a reply in its memory.
pub fn killed_before_the_journal(killed_at: Option<Point>) -> bool {
    matches!(
        killed_at,
        Some(Point::After(Call::Exchange) | Point::Before(Call::Put))
    )
}

/// Why the grant cannot have survived; in every other cell it must have.
pub fn unavoidable(cell: &Cell, fate: &Fate) -> Option<Cause> {
    if cell.answer.loses_the_reply() {
        // The first request always reaches Zoom in the end, whoever sends it.
        return Some(Cause::OnTheWire);
    }
    fate.killed_at?;
    let reply = fate.reply.as_ref()?;
    if fate.bereft() {
        return Some(Cause::KilledBeforeTheJournal);
    }
    (cell.heir == Heir::OtherPod && !reply.stored).then_some(Cause::JournalGone)
}

/// What became of the cells.
#[derive(Default)]
pub struct Summary {
    pub cells: usize,
    pub kept: usize,
    pub brought_back: usize,
    /// Zoom itself had ended the grant.
    pub ended: usize,
    pub lost: BTreeMap<Cause, usize>,
    pub skipped: BTreeMap<&'static str, usize>,
    pub broken: Vec<String>,
}

impl Summary {
    pub fn judge(&mut self, cell: &Cell, fate: &Fate) {
        self.cells += 1;
        self.brought_back += usize::from(fate.brought_back);
        let mut broken = forbidden(&fate.world);
        let verdict = if let Some(reason) = ended(cell, fate) {
            self.ended += 1;
            given_up(fate, reason)
        } else if let Some(cause) = unavoidable(cell, fate) {
            *self.lost.entry(cause).or_default() += 1;
            given_up(fate, &[Lost::ReplyLost])
        } else {
            self.kept += 1;
            kept(fate)
        };
        broken.extend(verdict.err());
        for what in broken {
            let killed_at = fate.killed_at;
            self.broken
                .push(format!("{what}: {cell:?}, killed at {killed_at:?}"));
        }
    }
}

/// What happened against the invariants.
pub fn forbidden(world: &World) -> Vec<String> {
    let state = world.state();
    let mut broken = state.broken.clone();
    if state.zoom.most_in_flight > 1 {
        broken.push("I1: two requests with one credential at the same time".into());
    }
    broken
}

/// With which reasons the grant is given up because Zoom ended it.
fn ended(cell: &Cell, fate: &Fate) -> Option<&'static [Lost]> {
    match cell.answer {
        // Who finds an earlier attempt on record cannot tell it from a lost reply.
        Answer::Revoked if fate.struck || cell.weather != Weather::Fine => {
            Some(&[Lost::GrantLost, Lost::ReplyLost])
        }
        Answer::Revoked => Some(&[Lost::GrantLost]),
        Answer::OwnerGone => Some(&[Lost::OwnerGone]),
        _ => None,
    }
}

/// The stored grant says that it is lost, holds nothing, and nothing is sent any more.
pub fn given_up(fate: &Fate, reasons: &[Lost]) -> Result<(), String> {
    let state = fate.world.state();
    let loss = state.api.stored().and_then(|grant| grant.loss.clone());
    let Some(loss) = loss else {
        return Err(format!("not given up: {:?}", fate.end));
    };
    if !reasons.contains(&loss.reason) {
        return Err(format!("given up as {:?}", loss.reason));
    }
    let end = Some(End::Lost(loss.reason));
    if fate.end != end || fate.again != end {
        return Err(format!("ended as {:?}, {:?}", fate.end, fate.again));
    }
    if fate.more_sends > 0 {
        return Err("sent again after it was given up".into());
    }
    Ok(())
}

/// The stored grant is the one that is alive, and can be used.
pub fn kept(fate: &Fate) -> Result<(), String> {
    let state = fate.world.state();
    let Some(grant) = state.api.stored() else {
        return Err("nothing is stored".into());
    };
    if let Some(loss) = &grant.loss {
        return Err(format!("given up as {:?}", loss.reason));
    }
    if !state.zoom.is_live(&grant.credential) {
        return Err("what is stored is worth nothing".into());
    }
    if fate.again != Some(End::Stored) || grant.intent.is_some() {
        return Err(format!("ended as {:?}, {:?}", fate.end, fate.again));
    }
    if !matches!(fate.end, Some(End::Stored | End::Refused)) {
        return Err(format!("came to no end: {:?}", fate.end));
    }
    Ok(())
}
