//! What the caller is told, and what is on record afterwards.

use futures::future::join;
use grant::{Error, SpendOutcome, spend};

use crate::zoom::Answer;
use crate::{
    cell::{End, bereft, drain, passes},
    judge::forbidden,
    process::Process,
    world::{Kind, World},
};

async fn once(process: &Process) -> Result<SpendOutcome<&'static str>, Error> {
    let outcome = process
        .live(spend(process, process, process, process))
        .await
        .unwrap_or_else(|| panic!("nobody killed it"));
    assert_eq!(forbidden(&process.world), Vec::<String>::new());
    outcome
}

/// How many attempts were ever on record, and how many requests sent.
fn traces(process: &Process) -> (usize, usize) {
    let state = process.world.state();
    (state.api.intents.len(), state.zoom.sends.len())
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_was_lost_is_found_stored() {
    let process = Process::new(&World::new(Kind::Code, Answer::Answers), "a", "1");
    // The first write is the intent.
    process.world.state().api.loses_answer = Some(1);
    assert!(matches!(once(&process).await, Ok(SpendOutcome::Stored(_))));
    assert_eq!(traces(&process), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn for_a_connection_that_is_being_deleted_nothing_is_sent() {
    let process = Process::new(&World::new(Kind::Code, Answer::Answers), "a", "1");
    process.world.state().api.wanted = false;
    assert!(matches!(once(&process).await, Ok(SpendOutcome::Gone)));
    assert_eq!(traces(&process), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_lead_writes_nothing_down() {
    let process = Process::new(&World::new(Kind::Code, Answer::Answers), "a", "1");
    process.depose();
    assert!(matches!(once(&process).await, Err(Error::Deposed)));
    assert_eq!(traces(&process), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn only_an_ambiguous_attempt_stays_on_record() {
    for (answer, ambiguous) in [
        (Answer::RateLimited, false),
        (Answer::ConnectRefused, false),
        (Answer::AppDisabled, false),
        (Answer::Broken, true),
        (Answer::Unprocessed503, true),
        (Answer::Garbage200, true),
    ] {
        let process = Process::new(&World::new(Kind::RefreshToken, answer), "a", "1");
        let outcome = once(&process).await;
        assert!(
            matches!(&outcome, Ok(SpendOutcome::Refused(refusal)) if refusal.ambiguous == ambiguous),
            "{answer:?}: {outcome:?}"
        );
        let state = process.world.state();
        let recorded = state.api.stored().map(|grant| grant.intent.is_some());
        assert_eq!(recorded, Some(ambiguous), "{answer:?}");
    }
}

/// A starting process stores what it found and is asked to spend at the same time.
#[tokio::test(start_paused = true)]
async fn storing_what_was_left_behind_twice_at_once_does_no_harm() {
    for at in 0.. {
        let world = World::new(Kind::RefreshToken, Answer::Answers);
        let first = Process::new(&world, "a", "1").dying_at(at);
        first.live(spend(&first, &first, &first, &first)).await;
        let next = Process::new(&world, "a", "2");
        let ends = next.live(join(drain(&next), passes(&next, true))).await;
        let end = ends.and_then(|((), end)| end);
        assert_eq!(forbidden(&world), Vec::<String>::new(), "{at}");
        assert_eq!(end == Some(End::Stored), !bereft(&first), "{at}: {end:?}");
        let journal = world.state().journals.remove("a").unwrap_or_default();
        assert!(journal.is_empty(), "{at}");
        if first.died_at().is_none() {
            break;
        }
    }
}
