//! A disk without space, which is a small one in memory.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

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
            .args(["-t", "tmpfs", "-o", "size=4m", "zoom-receiver-test"])
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
    let large = |n: usize| format!(r#"{{"event":"n","n":{n},"x":"{:3900}"}}"#, "");
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
        assert!(acknowledged.len() > 100, "{}", acknowledged.len());
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

/// A small file system that can be frozen: whoever writes to it then waits.
struct Frozen(PathBuf);

impl Frozen {
    /// `None` where that is not allowed.
    fn new(image: &Path, path: PathBuf) -> Option<Self> {
        let file = std::fs::File::create(image).unwrap();
        file.set_len(16 << 20).unwrap();
        let run = |program: &str, flags: &[&str], at: &[&Path]| {
            let output = Command::new(program).args(flags).args(at).output();
            output.is_ok_and(|output| output.status.success())
        };
        let is_mounted = run("mkfs.ext4", &["-q", "-F"], &[image])
            && run("mount", &["-o", "loop"], &[image, &path]);
        let frozen = is_mounted.then_some(Self(path))?;
        let can_freeze = frozen.freeze(true) && frozen.freeze(false);
        can_freeze.then_some(frozen)
    }

    fn freeze(&self, freeze: bool) -> bool {
        let flag = if freeze { "--freeze" } else { "--unfreeze" };
        let output = Command::new("fsfreeze").arg(flag).arg(&self.0).output();
        output.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.freeze(false);
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A small file system that becomes read-only, as after an error of its disk.
struct Fragile {
    image: PathBuf,
    path: PathBuf,
}

impl Fragile {
    /// `None` where that is not allowed.
    fn new(image: PathBuf, path: PathBuf) -> Option<Self> {
        let file = std::fs::File::create(&image).unwrap();
        file.set_len(16 << 20).unwrap();
        let made = Command::new("mkfs.ext4")
            .args(["-q", "-F"])
            .arg(&image)
            .output();
        let disk = Self { image, path };
        let is_there = made.is_ok_and(|output| output.status.success()) && disk.mount();
        is_there.then_some(disk)
    }

    fn mount(&self) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop"]).args([&self.image, &self.path]);
        mount.output().is_ok_and(|output| output.status.success())
    }

    fn unmount(&self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }

    fn abort(&self) -> bool {
        let mut abort = Command::new("mount");
        abort.args(["-o", "remount,abort"]).arg(&self.path);
        abort.output().is_ok_and(|output| output.status.success())
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        self.unmount();
    }
}

#[tokio::test]
async fn a_disk_that_becomes_read_only_is_told_and_nothing_is_lost() {
    let fixture = Fixture::new().await.buffered();
    let directory = fixture.config.buffer.clone().unwrap().directory;
    let image = fixture.directory.path().join("image");
    let Some(disk) = Fragile::new(image, directory) else {
        println!("skipped: a file system cannot be mounted here");
        return;
    };
    let receiver = fixture.start().await;
    receiver.sink.answer(Behaviour::Status(503));
    let post = |n: usize| event(SECRET, format!(r#"{{"event":"n","n":{n}}}"#));
    assert_eq!(receiver.status(&post(1)).await, 204);
    if !disk.abort() {
        println!("skipped: a file system cannot be aborted here");
        return;
    }
    assert_eq!(receiver.status(&post(2)).await, 503);
    let is_told = || async {
        let buffer = receiver.buffer().await;
        buffer["failed"] == true && buffer["open"] == false
    };
    eventually("that the store failed is told", is_told).await;
    assert_eq!(receiver.status(&post(2)).await, 503);

    disk.unmount();
    assert!(disk.mount());
    let is_well = || async { receiver.buffer().await["failed"].is_null() };
    eventually("the store is opened again", is_well).await;
    assert_eq!(receiver.status(&post(2)).await, 204);
    receiver.sink.answer(Behaviour::Status(204));
    receiver.holds(0, 0).await;
    receiver.stop().await;
}

#[tokio::test]
async fn a_disk_that_hangs_costs_the_deadline_and_not_the_event() {
    let fixture = Fixture::new().await.buffered();
    let directory = fixture.config.buffer.clone().unwrap().directory;
    let image = fixture.directory.path().join("image");
    let Some(disk) = Frozen::new(&image, directory) else {
        println!("skipped: a file system cannot be mounted and frozen here");
        return;
    };
    let fixture = fixture.with(|config| config.tuning.deadline = Duration::from_millis(500));
    let receiver = fixture.start().await;
    assert!(disk.freeze(true));
    let post = event(SECRET, r#"{"event":"n","n":1}"#);
    for _ in 0..3 {
        assert_eq!(receiver.status(&post).await, 503);
    }
    let health = receiver.health().await;
    assert_eq!(
        (&health["notTaken"]["count"], &health["notTakenFor"]),
        (&3.into(), &"Deadline".into())
    );
    let ask = r#"{"event":"endpoint.url_validation","payload":{"plainToken":"t"}}"#;
    assert_eq!(receiver.status(&event(SECRET, ask)).await, 200);
    assert!(disk.freeze(false));
    receiver.sink_has(1).await;
    receiver.holds(0, 0).await;
    assert_eq!(receiver.status(&post).await, 204, "it is known");
    assert!(receiver.health().await["notTaken"].is_null());
    assert_eq!(receiver.sink.count(), 1);
    receiver.stop().await;
}
