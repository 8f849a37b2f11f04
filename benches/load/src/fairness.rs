//! One app, many tenants: how long the events of healthy tenants take to their sinks, alone, and beside a tenant whose
//! sink is broken, one whose sink is slow, and one that sends as much as it can.

use std::{
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::{task::LocalSet, time};

use crate::{
    contestant::{Behind, Contestant, Kit, routed},
    load::{ask, connect, runtime},
    request::{ACCOUNTS, Flaws, Kind, Scheme, Signer, account, body_of},
    tenants::{Manner, Tenants},
};

/// How long each half of a round lasts.
const LASTS: Duration = Duration::from_secs(6);
/// Of its time, this is not measured: connections are made and routes found.
const BEGINS: Duration = Duration::from_secs(1);
/// Connections of the healthy tenants, and the pause between two events on each: 400 events a second.
const CONNECTIONS: usize = 16;
const PAUSE: Duration = Duration::from_millis(40);
/// The pause between two events of a tenant whose sink is broken or slow.
const TROUBLED: Duration = Duration::from_millis(50);
/// Connections over which one tenant sends without a pause.
const FLOOD: usize = 4;
/// Bytes of a body.
const SIZE: usize = 2_000;
/// Longest to wait for the last events.
const ARRIVAL: Duration = Duration::from_secs(20);

/// What came of one half of a round.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Half {
    /// Events of healthy tenants.
    pub events: usize,
    /// Half of them took no longer from being sent to the tenant's sink, microseconds.
    pub p50_us: u64,
    /// 99 % of them.
    pub p99_us: u64,
    /// Those that were acknowledged and have not arrived.
    pub missing: usize,
    /// Events that arrived at another tenant's sink.
    pub astray: usize,
    /// Events of the tenant that sends as much as it can.
    pub flood: usize,
}

/// A round: without the three, and with them.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Round {
    /// Without.
    pub alone: Half,
    /// With.
    pub beside: Half,
}

// === impl Round ===

impl Round {
    /// Measures both halves, each with a receiver of its own.
    ///
    /// # Errors
    /// When the receiver cannot be started.
    pub fn measure(kit: &Kit, number: usize) -> anyhow::Result<Self> {
        const NAMES: [[&str; 2]; 3] = [
            ["alone-1", "beside-1"],
            ["alone-2", "beside-2"],
            ["alone-3", "beside-3"],
        ];
        let [alone, beside] = NAMES[number % NAMES.len()];
        let round = Self {
            alone: half(kit, alone, false)?,
            beside: half(kit, beside, true)?,
        };
        let Self { alone, beside } = round;
        eprintln!(
            "    healthy tenants: p99 {:.2} ms alone, {:.2} ms beside three others ({} events of one); {} missing, {} astray",
            millis(alone.p99_us),
            millis(beside.p99_us),
            beside.flood,
            alone.missing + beside.missing,
            alone.astray + beside.astray,
        );
        Ok(round)
    }

    /// By how much the three slow the others down; infinite if an event was lost or went astray.
    pub fn ratio(&self) -> f64 {
        let Self { alone, beside } = self;
        let is_whole = |half: &Half| half.events > 0 && half.missing + half.astray == 0;
        if is_whole(alone) && is_whole(beside) {
            millis(beside.p99_us) / millis(alone.p99_us)
        } else {
            f64::INFINITY
        }
    }
}

/// The load of one half. Tenants 0, 1 and 2 are the troublesome ones.
struct Load {
    signer: Signer,
    contestant: Contestant,
    tenants: Tenants,
    begin: Instant,
}

fn half(kit: &Kit, name: &'static str, is_troubled: bool) -> anyhow::Result<Half> {
    let tenants = Tenants::start(|number| match number {
        0 => Manner::Broken,
        1 => Manner::Slow,
        _ => Manner::Healthy,
    })?;
    let at = tenants.address;
    let places = (0..ACCOUNTS).map(|number| (number, format!("http://{at}/{number}")));
    let load = Rc::new(Load {
        signer: Signer::new(&kit.secret, Scheme::Zoom, true),
        contestant: routed(kit, name, places, Behind::Nothing)?,
        tenants,
        begin: Instant::now(),
    });
    let local = LocalSet::new();
    for connection in 0..CONNECTIONS {
        let next = move |n: usize| 3 + (n * CONNECTIONS + connection) % (ACCOUNTS - 3);
        local.spawn_local(Rc::clone(&load).send(connection, PAUSE, next));
    }
    if is_troubled {
        for tenant in [0, 1] {
            local.spawn_local(
                Rc::clone(&load).send(CONNECTIONS + tenant, TROUBLED, move |_| tenant),
            );
        }
        for connection in 0..FLOOD {
            let number = CONNECTIONS + 2 + connection;
            local.spawn_local(Rc::clone(&load).send(number, Duration::ZERO, |_| 2));
        }
    }
    runtime()?.block_on(local);
    Ok(load.judge())
}

// === impl Load ===

impl Load {
    /// Sends an event after the other until the time is over.
    async fn send(
        self: Rc<Self>,
        connection: usize,
        pause: Duration,
        next: impl Fn(usize) -> usize,
    ) {
        let mut stream = None;
        let mut ticks = time::interval(pause.max(Duration::from_micros(1)));
        for n in 0.. {
            if !pause.is_zero() {
                ticks.tick().await;
            }
            if self.begin.elapsed() > LASTS {
                return;
            }
            let tenant = next(n);
            let is_counted = tenant > 2 && self.begin.elapsed() > BEGINS;
            let id = self.tenants.sent(tenant, is_counted);
            let body = body_of(&account(tenant), id as u128, SIZE);
            let request = self.signer.request(Kind::Valid, &body, &Flaws::default());
            if stream.is_none() {
                stream = connect(self.contestant.address, connection).await.ok();
            }
            let Some(open) = &mut stream else {
                continue;
            };
            match ask(open, &request.bytes).await {
                Ok(answer) if answer.status == 204 => self.tenants.acknowledged(id),
                Ok(_) => {}
                Err(_) => stream = None,
            }
        }
    }

    fn judge(&self) -> Half {
        let end = Instant::now() + ARRIVAL;
        while self.tenants.missing() > 0 && Instant::now() < end {
            thread::sleep(Duration::from_millis(50));
        }
        let latencies = self.tenants.latencies();
        let quantile = |percent: usize| {
            let index = (latencies.len() * percent / 100).min(latencies.len().saturating_sub(1));
            latencies.get(index).copied().unwrap_or(0)
        };
        Half {
            events: latencies.len(),
            p50_us: quantile(50),
            p99_us: quantile(99),
            missing: self.tenants.missing(),
            astray: self.tenants.astray(),
            flood: self.tenants.sent_by(2),
        }
    }
}

/// As people read them.
pub fn millis(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64() * 1e3
}
