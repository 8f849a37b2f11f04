//! The process that goes on is killed as well; and a journal that takes nothing.

use std::sync::Arc;

use grant::{Lost, spend};

use crate::zoom::Answer;
use crate::{
    cell::{End, bereft, drain, passes},
    judge::forbidden,
    process::Process,
    world::{Kind, World},
};

const ANSWERS: [Answer; 5] = [
    Answer::Answers,
    Answer::ReplyLost,
    Answer::Broken,
    Answer::RateLimited,
    Answer::AppDisabled,
];

/// In which Pods three processes run, one after the other.
const PODS: [[&str; 3]; 3] = [["a", "a", "a"], ["a", "b", "b"], ["a", "b", "c"]];

#[tokio::test(start_paused = true)]
async fn two_deaths_lose_no_more_than_one() {
    let (mut cells, mut lost) = (0, 0);
    for kind in Kind::ALL {
        for answer in ANSWERS {
            for pods in PODS {
                for first in 0.. {
                    let mut died = false;
                    for second in 0.. {
                        let world = World::new(kind, answer);
                        let deaths = three(&world, pods, [first, second]).await;
                        died = deaths[0];
                        cells += 1;
                        lost += usize::from(judge(
                            &world,
                            &format!("{kind:?} {answer:?} {pods:?} {first} {second}"),
                            answer.loses_the_reply() || deaths[2],
                        ));
                        if !deaths[1] {
                            break;
                        }
                    }
                    if !died {
                        break;
                    }
                }
            }
        }
    }
    println!("killed twice: {cells} cells; lost {lost}");
}

/// The journal is what makes a death cheap; without it the grant is lost only by a death.
#[tokio::test(start_paused = true)]
async fn a_full_journal_loses_nothing_by_itself() {
    for at in 0.. {
        let world = World::new(Kind::RefreshToken, Answer::Answers);
        world.state().journal_full = true;
        let first = Process::new(&world, "a", "1").dying_at(at);
        first.live(spend(&first, &first, &first, &first)).await;
        let lost = unstored(&world);
        let next = Process::new(&world, "a", "2");
        next.live(passes(&next, true)).await;
        judge(&world, &format!("full journal {at}"), lost);
        if first.died_at().is_none() {
            assert!(!lost);
            break;
        }
    }
}

/// Runs three processes; says whether the first two died, and whether the grant must be lost by that.
async fn three(world: &Arc<World>, pods: [&'static str; 3], deaths: [u32; 2]) -> [bool; 3] {
    let first = Process::new(world, pods[0], "1").dying_at(deaths[0]);
    first.live(spend(&first, &first, &first, &first)).await;
    let mut lost = bereft(&first) || moves(world, [pods[0], pods[1]]);
    let second = Process::new(world, pods[1], "2").dying_at(deaths[1]);
    second.live(start(&second)).await;
    lost |= bereft(&second) || moves(world, [pods[1], pods[2]]);
    let third = Process::new(world, pods[2], "3");
    third.live(start(&third)).await;
    [first.died_at().is_some(), second.died_at().is_some(), lost]
}

async fn start(process: &Process) -> Option<End> {
    drain(process).await;
    passes(process, true).await
}

/// The next process runs in another Pod, without the journal; whether that loses the grant.
fn moves(world: &World, pods: [&str; 2]) -> bool {
    if pods[0] == pods[1] {
        return false;
    }
    let lost = unstored(world);
    let mut state = world.state();
    state.journals.clear();
    state.settled = false;
    lost
}

/// Whether what is alive at Zoom was never stored.
fn unstored(world: &World) -> bool {
    let state = world.state();
    let live = state.zoom.live();
    live.is_some_and(|live| !state.api.stored_ever(live))
}

/// Whether the grant is lost, which must be as predicted.
fn judge(world: &World, cell: &str, predicted: bool) -> bool {
    assert_eq!(forbidden(world), Vec::<String>::new(), "{cell}");
    let state = world.state();
    let stored = state.api.stored();
    let reason = stored.and_then(|grant| Some(grant.loss.as_ref()?.reason));
    let lost = reason == Some(Lost::ReplyLost);
    let alive = stored.is_some_and(|grant| state.zoom.is_live(&grant.credential));
    assert_eq!((lost, alive), (predicted, !predicted), "{cell}: {reason:?}");
    lost
}
