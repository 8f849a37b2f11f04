//! A disk without space, which is a small one in memory.

use std::{collections::BTreeSet, path::PathBuf, process::Command};

use super::{
    client::{event, eventually},
    fixture::{Fixture, SECRET},
    sink::Behaviour,
};

/// A mount that ends with its test.
struct Mount(PathBuf);

impl Mount {
    /// `None` where mounting is not allowed.
    fn new(path: PathBuf) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=6m", "zoom-receiver-test"])
            .arg(&path)
            .output();
        let is_mounted = mounted.is_ok_and(|output| output.status.success());
        is_mounted.then_some(Self(path))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_our_trouble_and_what_is_stored_gets_out() {
    let fixture = Fixture::new().await.buffered();
    let directory = fixture.config.buffer.clone().unwrap().directory;
    let Some(_mount) = Mount::new(directory) else {
        println!("skipped: mounting a tmpfs is not permitted");
        return;
    };
    let receiver = fixture.start().await;
    receiver.sink.answer(Behaviour::Status(503));
    let large = |n: usize| format!(r#"{{"event":"n","n":{n},"x":"{:2000}"}}"#, "");
    let mut acknowledged = BTreeSet::new();
    for round in 0..2 {
        let mut refused = 0;
        let mut n = round * 100_000;
        while refused < 20 {
            match receiver.status(&event(SECRET, large(n))).await {
                204 => drop(acknowledged.insert(n)),
                503 => refused += 1,
                status => panic!("answered {status}"),
            }
            n += 1;
        }
        assert!(acknowledged.len() > 200, "{}", acknowledged.len());
        eventually("it is said that the disk is full", || async {
            receiver.buffer().await["full"] == true
        })
        .await;
        let ask = r#"{"event":"endpoint.url_validation","payload":{"plainToken":"t"}}"#;
        assert_eq!(receiver.status(&event(SECRET, ask)).await, 200);
        receiver.sink.answer(Behaviour::Status(204));
        receiver.holds(0, 0).await;
        eventually("there is space again", || async {
            receiver.buffer().await["full"] == false
        })
        .await;
        receiver.sink.answer(Behaviour::Status(503));
    }
    let got: BTreeSet<usize> = receiver
        .sink
        .received()
        .iter()
        .map(|got| {
            let value: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
            usize::try_from(value["n"].as_u64().unwrap()).unwrap()
        })
        .collect();
    println!("{} acknowledged on a full disk", acknowledged.len());
    assert!(acknowledged.is_subset(&got));
    receiver.stop().await;
}
