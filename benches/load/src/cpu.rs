//! The processor time of a process and all its children, as the kernel counts it.
//!
//! The process's own clock counts nanoseconds, ended threads included. Children that have ended are
//! in `/proc/<pid>/stat`, in ticks of 10 ms, and so is the split into user and system time.

use std::{
    collections::HashMap,
    fs,
    ops::Sub,
    thread,
    time::{Duration, Instant},
};

use nix::{
    time::{clock_getcpuclockid, clock_gettime},
    unistd::Pid,
};

/// `USER_HZ`, which is 100 on every Linux that Rust knows.
const TICK: Duration = Duration::from_millis(10);

/// How long a process has to be quiet to be done.
const QUIET: Duration = Duration::from_millis(200);

/// Less than this in that time is quiet: a runtime's timers, not work.
const NOISE: Duration = Duration::from_millis(3);

/// Longest to wait for quiet.
const PATIENCE: Duration = Duration::from_mins(1);

/// Processor time since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// User and system, to the nanosecond but for children that have ended.
    pub total: Duration,
    /// User, in ticks.
    pub user: Duration,
    /// System, in ticks.
    pub system: Duration,
}

/// Fields of `/proc/<pid>/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    user: u32,
    system: u32,
    children_user: u32,
    children_system: u32,
}

// === impl Cpu ===

impl Cpu {
    /// Of the process and its children.
    pub fn of_tree(pid: u32) -> Self {
        let mut sum = Self::default();
        for (pid, stat) in tree(pid) {
            let children = TICK * (stat.children_user + stat.children_system);
            let ticks = TICK * (stat.user + stat.system);
            sum.total += clock(pid).unwrap_or(ticks) + children;
            sum.user += TICK * (stat.user + stat.children_user);
            sum.system += TICK * (stat.system + stat.children_system);
        }
        sum
    }
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            total: self.total.saturating_sub(earlier.total),
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// Waits until the process has done what it does after its answers: forwarding, collecting garbage.
pub fn settle(pid: u32) -> Cpu {
    let end = Instant::now() + PATIENCE;
    let mut last = Cpu::of_tree(pid);
    loop {
        thread::sleep(QUIET);
        let now = Cpu::of_tree(pid);
        if (now - last).total < NOISE || Instant::now() > end {
            return now;
        }
        last = now;
    }
}

/// The process and its children and theirs.
pub fn pids(pid: u32) -> Vec<u32> {
    tree(pid).into_iter().map(|(pid, _)| pid).collect()
}

fn tree(root: u32) -> Vec<(u32, Stat)> {
    let mut all: HashMap<u32, Stat> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_string_lossy().parse();
        if let Ok(pid) = pid
            && let Ok(text) = fs::read_to_string(entry.path().join("stat"))
            && let Some(stat) = Stat::parse(&text)
        {
            all.insert(pid, stat);
        }
    }
    let mut found = Vec::new();
    let mut look = vec![root];
    while let Some(pid) = look.pop() {
        look.extend(
            all.iter()
                .filter(|(_, stat)| stat.parent == pid)
                .map(|(pid, _)| pid),
        );
        found.extend(all.get(&pid).map(|stat| (pid, *stat)));
    }
    found
}

fn clock(pid: u32) -> Option<Duration> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?);
    let time = clock_gettime(clock_getcpuclockid(pid).ok()?).ok()?;
    Some(time.into())
}

// === impl Stat ===

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name, in parentheses, may contain anything.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<_> = rest.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse().ok();
        Some(Self {
            parent: field(4)?,
            user: field(14)?,
            system: field(15)?,
            children_user: field(16)?,
            children_system: field(17)?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use std::process;

    use super::*;

    #[test]
    fn the_fields_are_found_behind_any_name() {
        let stat = Stat::parse("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16").unwrap();
        assert_eq!((stat.parent, stat.user, stat.system), (1, 11, 12));
        assert_eq!((stat.children_user, stat.children_system), (13, 14));
    }

    #[test]
    fn work_is_counted() {
        let before = Cpu::of_tree(process::id());
        let end = Instant::now() + Duration::from_millis(20);
        while Instant::now() < end {}
        let spent = Cpu::of_tree(process::id()) - before;
        assert!(spent.total > Duration::from_micros(100), "{spent:?}");
        assert!(pids(process::id()).contains(&process::id()));
    }
}
