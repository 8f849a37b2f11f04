//! What a later version leaves behind.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

use jiff::Timestamp;
use redb::{Database, backends::InMemoryBackend};

use super::*;
use crate::buffer::{dead::Reason, store::Store};

fn letter_of(n: u8) -> (EventId, DeadLetter) {
    let id = EventId::from_bytes([n; 32]);
    let letter = DeadLetter {
        id: id.to_string(),
        event: None,
        received_at: Timestamp::UNIX_EPOCH,
        failed_at: Timestamp::UNIX_EPOCH,
        reason: Reason::Refused,
        detail: None,
        attempts: 1,
        bytes: 3,
        account: Some("acc".into()),
        connection: None,
    };
    (id, letter)
}

/// A store with a pending event and three dead letters; the first two have this JSON, with their id.
fn store(json: impl Fn(&EventId) -> String) -> Store {
    let backend = Database::builder().create_with_backend(InMemoryBackend::new());
    let mut store = Store::new(backend.unwrap()).unwrap();
    store
        .write(|tables| {
            tables.append(0, b"pending")?;
            for n in 0..3 {
                let (id, letter) = letter_of(n);
                tables.insert_dead_letter(&id, &letter, b"abc")?;
                let sequence = tables.dead_ids.get(id.as_bytes())?.map(|s| s.value());
                if n < 2 {
                    let json = json(&id);
                    tables.dead.insert(sequence.unwrap(), json.as_bytes())?;
                }
            }
            Ok(())
        })
        .unwrap();
    store
}

#[test]
fn a_letter_of_a_later_version_is_no_damage() {
    let later: [fn(&EventId) -> String; 2] = [
        |id| {
            format!(
                r#"{{"id":"{id}","event":null,"receivedAt":"1970-01-01T00:00:00Z","failedAt":"1970-01-01T00:00:00Z","reason":"Later","attempts":0,"bytes":3}}"#
            )
        },
        |id| format!(r#"{{"id":"{id}","reason":{{"Later":1}},"receivedAt":5}}"#),
    ];
    for json in later {
        let mut store = store(json);
        let mut known = 0;
        store.each_dead(|_, _| known += 1).unwrap();
        assert_eq!(known, 3);
        for filter in [Filter::All, Filter::Account("acc".into())] {
            let (page, _) = store.dead_letters(None, 9, &filter).unwrap();
            assert!(!page.unwrap().is_empty());
        }
        let (first, _) = letter_of(0);
        let (letter, record) = store.dead_letter(&first).unwrap().unwrap();
        assert_eq!((letter.reason, &*record), (Reason::Unknown, &b"abc"[..]));
        // One is taken out, the other makes room.
        store
            .write(|tables| {
                assert!(tables.remove_dead_letter(&first)?.is_some());
                let evicted = tables.evict(charge(3), &[])?;
                assert_eq!(evicted.len(), 1);
                Ok(())
            })
            .unwrap();
        let totals = store.totals();
        assert_eq!((totals.pending, totals.dead), (1, 1));
    }
}

#[test]
fn a_letter_that_nobody_can_read_does_not_keep_the_store_closed() {
    let store = store(|_| "?".into());
    let mut known = 0;
    store.each_dead(|_, _| known += 1).unwrap();
    assert_eq!(known, 1);
}
