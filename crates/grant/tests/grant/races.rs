//! Others write in the middle: a new consent, a deletion, a label, the removal of the app. At every
//! point, and with a death at every point after it.

use grant::Lost;

use crate::zoom::Answer;
use crate::{
    cell::{Cell, End, Fate, Heir, Weather},
    judge::{forbidden, given_up, kept},
    world::{Event, Kind},
};

const WEATHERS: [Weather; 5] = [
    Weather::Fine,
    Weather::AwayDuringTheCommit,
    Weather::LosesAnswer(0),
    Weather::LosesAnswer(1),
    Weather::LosesAnswer(2),
];

#[derive(Default)]
struct Tally {
    cells: usize,
    lost: usize,
    revoked: usize,
    created_again: usize,
    broken: Vec<String>,
}

#[tokio::test(start_paused = true)]
async fn a_new_consent_is_never_overwritten() {
    sweep(Event::NewConsent, |fate| {
        let stored = fate
            .world
            .state()
            .api
            .stored()
            .map(|grant| grant.id.clone());
        if stored.as_deref() != Some("consent-2") {
            return Err(format!("stored is {stored:?}"));
        }
        kept_unless_bereft(fate)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_label_costs_nothing() {
    sweep(Event::Touched, kept_unless_bereft).await;
}

#[tokio::test(start_paused = true)]
async fn erased_tokens_stay_erased() {
    sweep(Event::Deauthorized, |fate| {
        given_up(fate, &[Lost::Deauthorized])
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_nobody_wants_is_revoked_and_not_created_again() {
    let tally = sweep(Event::Deleted, |fate| {
        gone(fate)?;
        let delivered = fate.reply.as_ref().filter(|_| !fate.bereft());
        let revoked = &fate.world.state().zoom.revoked;
        match delivered {
            // Stored before the deletion: whoever deletes it decides about it.
            Some(reply) if !reply.stored && !revoked.contains(&reply.fingerprint) => {
                Err("a reply that nobody wants is not revoked".into())
            }
            _ => Ok(()),
        }
    })
    .await;
    assert!(tally.revoked > 0);
}

#[tokio::test(start_paused = true)]
async fn a_grant_deleted_by_hand_is_created_again_from_a_reply() {
    let tally = sweep(Event::DeletedByHand, |fate| {
        let held = fate.reply.is_some() && !fate.bereft();
        let stored = fate.world.state().api.stored().is_some();
        if held && (stored || !fate.world.state().stored_at_event) {
            return kept(fate);
        }
        gone(fate)
    })
    .await;
    assert!(tally.created_again > 0);
}

/// Another Pod went on and somebody wrote meanwhile: the reply of the first one comes too late.
#[tokio::test(start_paused = true)]
async fn a_late_reply_overwrites_nothing_newer() {
    let mut tally = Tally::default();
    for event in [Event::NewConsent, Event::Deauthorized, Event::Deleted] {
        for at in 0.. {
            let mut happened = false;
            for moment in 0.. {
                let cell = Cell {
                    at,
                    heir: Heir::CutOff,
                    event: Some((moment, "b", event)),
                    ..usual(Kind::RefreshToken, Weather::Fine)
                };
                let fate = cell.run().await;
                if !fate.happened {
                    break;
                }
                happened = fate.struck;
                let verdict = match event {
                    Event::NewConsent => kept(&fate),
                    Event::Deauthorized => given_up(&fate, &[Lost::Deauthorized]),
                    _ => gone(&fate),
                };
                tally.count(&cell, &fate, verdict);
            }
            if !happened {
                break;
            }
        }
    }
    tally.close("late replies");
}

async fn sweep(event: Event, judge: impl Fn(&Fate) -> Result<(), String>) -> Tally {
    let mut tally = Tally::default();
    for kind in Kind::ALL {
        for heir in [Heir::SameProcess, Heir::NextProcess] {
            for weather in WEATHERS {
                for moment in 0.. {
                    let mut happened = true;
                    // Killed at the same point, at a later one, not at all.
                    for at in moment.. {
                        let cell = Cell {
                            at,
                            heir,
                            event: Some((moment, "a", event)),
                            ..usual(kind, weather)
                        };
                        let fate = cell.run().await;
                        happened = fate.happened;
                        if happened {
                            tally.count(&cell, &fate, judge(&fate));
                        }
                        if !fate.struck {
                            break;
                        }
                    }
                    if !happened {
                        break;
                    }
                }
            }
        }
    }
    tally.close(&format!("{event:?}"));
    tally
}

const fn usual(kind: Kind, weather: Weather) -> Cell {
    Cell {
        kind,
        answer: Answer::Answers,
        heir: Heir::NextProcess,
        weather,
        at: 0,
        event: None,
    }
}

fn kept_unless_bereft(fate: &Fate) -> Result<(), String> {
    if fate.bereft() {
        given_up(fate, &[Lost::ReplyLost])
    } else {
        kept(fate)
    }
}

/// Nothing is stored, and nothing is sent any more.
fn gone(fate: &Fate) -> Result<(), String> {
    if fate.world.state().api.stored().is_some() {
        return Err("stored again".into());
    }
    if (fate.end, fate.again, fate.more_sends) != (Some(End::Gone), Some(End::Gone), 0) {
        return Err(format!("ended as {:?}, {:?}", fate.end, fate.again));
    }
    Ok(())
}

impl Tally {
    fn count(&mut self, cell: &Cell, fate: &Fate, verdict: Result<(), String>) {
        self.cells += 1;
        self.lost += usize::from(fate.bereft());
        {
            let state = fate.world.state();
            self.revoked += usize::from(!state.zoom.revoked.is_empty());
            self.created_again += usize::from(state.api.created);
        }
        let mut broken = forbidden(&fate.world);
        broken.extend(verdict.err());
        for what in broken {
            let killed_at = fate.killed_at;
            self.broken
                .push(format!("{what}: {cell:?}, killed at {killed_at:?}"));
        }
    }

    fn close(&self, name: &str) {
        println!(
            "{name}: {} cells; killed before the journal {}, revoked {}, created again {}",
            self.cells, self.lost, self.revoked, self.created_again
        );
        for what in self.broken.iter().take(10) {
            println!("{what}");
        }
        let count = self.broken.len();
        assert!(count == 0, "{name}: {count} cells are broken");
        assert!(self.cells > 0);
    }
}
