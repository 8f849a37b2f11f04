//! Wrong credentials: whatever somebody puts into the Secret of the app, the refresh token stays, and the
//! right pair brings the grant back without a person.

use std::sync::Arc;

use grant::{Client, Credential, Grant, Lost, spend};
use jiff::Timestamp;

use crate::{
    cell::{End, bereft, drain, passes},
    judge::forbidden,
    process::Process,
    world::{Event, World, client, right, wrong},
    zoom::Answer,
};

/// A refresh token, with or without a record of whose it is.
fn grant(client_id: Option<String>) -> Grant {
    Grant {
        id: "consent-1".into(),
        generation: 7,
        since: Timestamp::UNIX_EPOCH,
        client_id,
        credential: Credential::RefreshToken(String::from("token-7").into()),
        access: None,
        intent: None,
        loss: None,
    }
}

fn put(world: &World, client: Client) {
    world.state().client = client;
}

fn sends(world: &World) -> usize {
    world.state().zoom.sends.len()
}

/// Spends until the outcome is final, with the credentials as they are now.
async fn end(process: &Process) -> Option<End> {
    process.live(passes(process, true)).await.flatten()
}

fn is_alive(world: &World) -> bool {
    let state = world.state();
    let stored = state.api.stored();
    stored.is_some_and(|grant| state.zoom.is_live(&grant.credential))
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_for_another_app() {
    let world = World::holding(grant(Some(right().id)), Answer::Answers);
    put(&world, wrong());
    let process = Process::new(&world, "a", "1");
    assert_eq!(end(&process).await, Some(End::OtherClient));
    assert_eq!((sends(&world), world.state().api.intents.len()), (0, 0));
    put(&world, right());
    assert_eq!(end(&process).await, Some(End::Stored));
}

#[tokio::test(start_paused = true)]
async fn each_other_pair_is_tried_once() {
    let world = World::holding(grant(None), Answer::Answers);
    let process = Process::new(&world, "a", "1");
    for (tried, id) in ["dev", "dev", "other", "dev"].into_iter().zip([1, 1, 2, 3]) {
        put(&world, client(tried));
        assert_eq!(
            end(&process).await,
            Some(End::Lost(Lost::GrantLost)),
            "{tried}"
        );
        assert_eq!(sends(&world), id, "{tried}");
    }
    put(&world, right());
    assert_eq!(end(&process).await, Some(End::Stored));
    // From now on it is known whose it is.
    put(&world, wrong());
    let before = sends(&world);
    assert_eq!(end(&process).await, Some(End::OtherClient));
    assert_eq!(sends(&world), before);
    assert_eq!(forbidden(&world), Vec::<String>::new());
}

/// The credentials become wrong at one point of the first process, which dies at another; its heir goes on
/// with the wrong pair until somebody puts the right one back.
#[tokio::test(start_paused = true)]
async fn a_wrong_pair_costs_nothing_that_the_right_one_does_not_bring_back() {
    let (mut cells, mut lost, mut sealed) = (0, 0, 0);
    for known in [None, Some(right().id)] {
        for heir in ["a", "b"] {
            for moment in 0.. {
                let mut happened = true;
                for at in 0.. {
                    let world = World::holding(grant(known.clone()), Answer::Answers);
                    world.state().planned = Some((moment, "a", Event::WrongPair));
                    let first = Process::new(&world, "a", "1").dying_at(at);
                    first.live(spend(&first, &first, &first, &first)).await;
                    happened = world.state().planned.take().is_none() || first.died_at().is_some();
                    put(&world, wrong());
                    let predicted = bereft(&first) || moves(&world, heir);
                    let (is_lost, was_sealed) =
                        one(&world, heir, &format!("{known:?} {heir} {moment} {at}")).await;
                    assert_eq!(is_lost, predicted, "{known:?} {heir} {moment} {at}");
                    cells += 1;
                    lost += usize::from(is_lost);
                    sealed += usize::from(was_sealed);
                    if first.died_at().is_none() {
                        break;
                    }
                }
                if !happened {
                    break;
                }
            }
        }
    }
    println!("wrong pairs: {cells} cells; sealed {sealed}, lost {lost}");
    assert!(sealed > 0 && lost > 0);
}

/// Another Pod goes on, without the journal of the first one; whether that loses the grant.
fn moves(world: &World, heir: &str) -> bool {
    if heir == "a" {
        return false;
    }
    let mut state = world.state();
    state.journals.clear();
    let live = state.zoom.live().cloned();
    live.is_some_and(|live| !state.api.stored_ever(&live))
}

/// Goes on with the wrong pair, then with the right one: whether the grant is lost, and whether it was
/// sealed in between.
async fn one(world: &Arc<World>, heir: &str, cell: &str) -> (bool, bool) {
    let process = Process::new(world, heir, "2");
    process.live(drain(&process)).await;
    let with_wrong = end(&process).await;
    let sent = sends(world);
    assert_eq!(end(&process).await, with_wrong, "{cell}");
    assert_eq!(sends(world), sent, "{cell}: sent again with the same pair");
    let sealed = world.state().api.stored().is_some_and(Grant::is_sealed);
    assert_eq!(sealed, matches!(with_wrong, Some(End::Lost(_))), "{cell}");
    put(world, right());
    let with_right = end(&process).await;
    assert_eq!(forbidden(world), Vec::<String>::new(), "{cell}");
    let lost = matches!(with_right, Some(End::Lost(_)));
    assert_eq!(
        lost,
        !is_alive(world),
        "{cell}: {with_wrong:?} {with_right:?}"
    );
    (lost, sealed)
}
