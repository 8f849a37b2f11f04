//! A consent as the cluster has it: its Secret is removed once the consent came to an end, while another
//! process may still hold the reply. A leader that is frozen in the middle of the exchange, for longer than
//! its successor waits, leaves no refresh token where nobody looks for it.

use std::sync::Arc;

use grant::{Grant, SpendOutcome, spend};

use crate::{
    judge::forbidden,
    process::{Process, Turn, Turns},
    world::{Kind, World},
    zoom::Answer,
};

/// How many turns of its successor the frozen process misses.
const MOST_TURNS: u32 = 40;

/// The connection's own grant, and the passes that look for consents.
struct Passes {
    leader: Process,
    adopted: Option<Grant>,
    /// Whether a consent was given up while its reply was on the way.
    ended: bool,
}

impl Passes {
    /// One pass: a redeemed consent is adopted, another one is redeemed. Either way its Secret goes.
    async fn pass(&mut self) {
        let world = Arc::clone(&self.leader.world);
        let stored = world.state().api.stored().cloned();
        let Some(stored) = stored else {
            return;
        };
        if stored.generation > 0 {
            self.adopt(stored);
            return;
        }
        let leader = &self.leader;
        let outcome = leader.live(spend(leader, leader, leader, leader)).await;
        match outcome {
            Some(Ok(SpendOutcome::Stored(grant))) => self.adopt(*grant),
            Some(Ok(SpendOutcome::Lost(_))) => {
                self.ended = true;
                world.state().api.replace(|_| None);
            }
            _ => {}
        }
    }

    fn adopt(&mut self, grant: Grant) {
        self.adopted = Some(grant);
        self.leader.world.state().api.replace(|_| None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_frozen_leader_leaves_no_refresh_token_behind() {
    let (mut cells, mut ended) = (0, 0);
    for at in 0.. {
        let mut struck = false;
        for missed in 0..MOST_TURNS {
            let cell = format!("frozen at {at} for {missed}");
            let world = World::new(Kind::Code, Answer::Answers);
            let frozen = Process::new(&world, "a", "1");
            let mut turns = Turns::new(&frozen, spend(&frozen, &frozen, &frozen, &frozen));
            let mut done = false;
            while !done && frozen.steps() <= at {
                done = !matches!(turns.take().await, Turn::Goes);
            }
            struck = frozen.steps() > at;
            frozen.depose();
            // Its successor has waited for as long as any attempt may take.
            world.state().settled = true;
            let mut passes = Passes {
                leader: Process::new(&world, "b", "1"),
                adopted: None,
                ended: false,
            };
            for _ in 0..missed {
                passes.pass().await;
            }
            // It goes on, and stores what it received, leader or not.
            for _ in 0..1000 {
                if done {
                    break;
                }
                done = !matches!(turns.take().await, Turn::Goes);
            }
            assert!(done, "{cell}: it comes to no end");
            drop(turns);
            for _ in 0..3 {
                passes.pass().await;
            }
            let state = world.state();
            let rest = state.api.stored().map(|grant| grant.generation);
            assert_eq!(rest, None, "{cell}: a consent is left");
            let live = state.zoom.live().cloned();
            let own = passes
                .adopted
                .as_ref()
                .map(|grant| grant.credential.fingerprint());
            assert_eq!(own, live, "{cell}: what is alive is not the connection's");
            drop(state);
            // One that is frozen for so long may have its request answered meanwhile, and nobody else knows
            // what it holds in its memory.
            let broken: Vec<String> = forbidden(&world)
                .into_iter()
                .filter(|what| !what.starts_with("I1") && !what.starts_with("I2"))
                .collect();
            assert_eq!(broken, Vec::<String>::new(), "{cell}");
            cells += 1;
            ended += usize::from(passes.ended);
        }
        if !struck {
            break;
        }
    }
    println!("frozen leaders: {cells} cells; {ended} consents were given up and came back");
    assert!(ended > 0);
}
