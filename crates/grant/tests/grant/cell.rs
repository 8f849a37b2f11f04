//! One cell of the matrix: what happens to one grant, and how it went.

use std::sync::Arc;

use grant::{Journal as _, Lost, SpendOutcome, commit, spend};

use crate::zoom::Answer;
use crate::{
    judge::killed_before_the_journal,
    process::{Point, Process, Turn, Turns},
    world::{Event, Kind, World},
};

/// Who goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heir {
    /// The process itself: only the future was dropped.
    SameProcess,
    /// The next process of the Pod, which has its journal.
    NextProcess,
    /// Another Pod; the journal is gone with the first one.
    OtherPod,
    /// Another Pod that cannot reach the first one, which comes back when all is over.
    CutOff,
    /// Another Pod, while the first one was deposed and is merely slow.
    WhileSlow,
}

/// How the API server behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    Fine,
    AwayFromTheKill,
    AwayDuringTheCommit,
    /// The answer to this write is lost, which was carried out.
    LosesAnswer(u32),
}

#[derive(Clone, Copy, Debug)]
pub struct Cell {
    pub kind: Kind,
    pub answer: Answer,
    pub heir: Heir,
    pub weather: Weather,
    /// The number of the point where the first process is killed or deposed.
    pub at: u32,
    /// What happens when a process of that Pod comes to the point of that number.
    pub event: Option<(u32, &'static str, Event)>,
}

/// How the last pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Stored,
    Refused,
    Lost(Lost),
    OtherClient,
    Gone,
}

/// What Zoom gave.
pub struct Reply {
    pub fingerprint: String,
    /// Whether it was stored by the end of the first process.
    pub stored: bool,
    /// Whether its death took the only copy of what was alive.
    pub gone: bool,
}

/// How it went.
pub struct Fate {
    pub world: Arc<World>,
    /// Whether the first process came to the point.
    pub struck: bool,
    pub killed_at: Option<Point>,
    /// What Zoom gave for what the first process sent.
    pub reply: Option<Reply>,
    /// Whether the event came about.
    pub happened: bool,
    /// Whether a grant that was given up came back.
    pub brought_back: bool,
    pub end: Option<End>,
    pub sends: usize,
    /// One more use of the grant, and what was sent for it.
    pub again: Option<End>,
    pub more_sends: usize,
}

const CALLS_AWAY: u32 = 4;
/// Passes that find an attempt of another Pod unsettled.
const PATIENCE: u32 = 2;
const PASSES: u32 = 9;
/// How long the first process is held up when it is slow, in turns of the other one.
const HELD_UP: u32 = 60;

/// Spends until the outcome is final.
pub async fn passes(process: &Process, settles: bool) -> Option<End> {
    let mut left = PASSES;
    for pass in 0.. {
        if settles && pass >= PATIENCE {
            process.world.state().settled = true;
        }
        process.observe();
        match spend(process, process, process, process).await {
            Ok(SpendOutcome::Stored(_)) => return Some(End::Stored),
            Ok(SpendOutcome::Lost(lost)) => return Some(End::Lost(lost)),
            Ok(SpendOutcome::Gone) => return Some(End::Gone),
            Ok(SpendOutcome::OtherClient) => return Some(End::OtherClient),
            Ok(SpendOutcome::Refused(refusal)) if !refusal.ambiguous => return Some(End::Refused),
            // Waits, was overtaken, or the API server or Zoom gave no answer.
            Ok(_) | Err(_) => {}
        }
        if process.world.state().settled {
            left -= 1;
        }
        if left == 0 {
            break;
        }
    }
    None
}

/// What a starting process does before anything else.
pub async fn drain(process: &Process) {
    for entry in process.entries() {
        commit(process, process, &entry).await;
        process.remove(&entry);
    }
}

impl Fate {
    /// Whether the death of the first process took the only copy of what was alive.
    pub fn bereft(&self) -> bool {
        self.reply.as_ref().is_some_and(|reply| reply.gone)
    }
}

impl Cell {
    pub async fn run(self) -> Fate {
        let world = World::new(self.kind, self.answer);
        world.state().planned = self.event;
        match self.weather {
            Weather::AwayDuringTheCommit => world.state().api.away_at_commit = CALLS_AWAY,
            Weather::LosesAnswer(number) => world.state().api.loses_answer = Some(number),
            Weather::Fine | Weather::AwayFromTheKill => {}
        }
        let mut fate = Fate {
            world: Arc::clone(&world),
            struck: false,
            killed_at: None,
            reply: None,
            happened: false,
            brought_back: false,
            end: None,
            sends: 0,
            again: None,
            more_sends: 0,
        };
        let heir = if self.heir == Heir::WhileSlow {
            self.leader_change(&mut fate).await
        } else {
            let first = Process::new(&world, "a", "1").dying_at(self.at);
            first.live(spend(&first, &first, &first, &first)).await;
            fate.killed_at = first.died_at();
            fate.struck = fate.killed_at.is_some();
            self.note(&mut fate, &first);
            self.inherit(&mut fate).await
        };
        fate.sends = world.state().zoom.sends.len();
        fate.again = heir.live(passes(&heir, true)).await.flatten();
        fate.more_sends = world.state().zoom.sends.len() - fate.sends;
        fate
    }

    fn note(self, fate: &mut Fate, first: &Process) {
        let gone = bereft(first);
        let mut state = fate.world.state();
        fate.reply = state.zoom.last_successor().map(|next| Reply {
            fingerprint: next.clone(),
            stored: state.api.stored_ever(next),
            gone,
        });
        if fate.struck && self.weather == Weather::AwayFromTheKill {
            state.api.away = CALLS_AWAY;
        }
        // The next process of the Pod counts its points from zero.
        if self.event.is_some_and(|(_, pod, _)| pod == "a") {
            fate.happened = state.planned.take().is_none();
        }
    }

    async fn inherit(self, fate: &mut Fate) -> Process {
        let world = Arc::clone(&fate.world);
        let heir = match self.heir {
            Heir::SameProcess => Process::new(&world, "a", "1"),
            Heir::NextProcess => Process::new(&world, "a", "2"),
            Heir::OtherPod | Heir::CutOff | Heir::WhileSlow => Process::new(&world, "b", "1"),
        };
        match self.heir {
            Heir::NextProcess => {
                heir.live(drain(&heir)).await;
            }
            Heir::OtherPod => {
                world.state().journals.clear();
            }
            Heir::CutOff => world.state().cut_off = Some("a".into()),
            Heir::SameProcess | Heir::WhileSlow => {}
        }
        fate.end = heir.live(passes(&heir, true)).await.flatten();
        if self.heir != Heir::CutOff {
            return heir;
        }
        world.state().cut_off = None;
        fate.happened |= self.event.is_some() && world.state().planned.take().is_none();
        let late = Process::new(&world, "a", "2");
        let given_up = || {
            let state = world.state();
            state.api.stored().is_some_and(|grant| grant.loss.is_some())
        };
        let before = given_up();
        late.live(drain(&late)).await;
        fate.brought_back = before && !given_up();
        fate.end = late.live(passes(&late, true)).await.flatten();
        late
    }

    /// The first process is deposed at its point and held up there, while the other one tries.
    async fn leader_change(self, fate: &mut Fate) -> Process {
        let world = Arc::clone(&fate.world);
        let old = Process::new(&world, "a", "1");
        let new = Process::new(&world, "b", "1");
        let mut olds = Turns::new(&old, spend(&old, &old, &old, &old));
        let mut ended = false;
        while !ended && old.steps() <= self.at {
            ended = !matches!(olds.take().await, Turn::Goes);
        }
        fate.struck = old.steps() > self.at;
        old.depose();
        let mut news = Turns::new(&new, passes(&new, false));
        let mut done = false;
        for turn in 0..1000 {
            if !ended && turn >= HELD_UP {
                ended = !matches!(olds.take().await, Turn::Goes);
            }
            if ended {
                // Only now: a term ends by time, and no request takes as long.
                world.state().settled = true;
            }
            if !done && let Turn::Done(end) = news.take().await {
                fate.end = end;
                done = true;
            }
            if ended && done {
                break;
            }
        }
        drop((olds, news));
        new
    }
}

/// Whether a process died with the only copy of a live credential in its memory.
pub fn bereft(process: &Process) -> bool {
    let state = process.world.state();
    killed_before_the_journal(process.died_at())
        && (state.zoom.last_successor()).is_some_and(|next| state.zoom.live() == Some(next))
}
