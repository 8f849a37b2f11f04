//! What is sent in one measurement: how large, which kinds, over how many connections.

use serde::{Deserialize, Serialize};

use crate::request::{Kind, Request, Signer};

/// Bytes of the bodies.
pub const SIZES: [usize; 4] = [300, 2_000, 16_000, 100_000];

/// Bytes of the bodies where the size is not the subject.
pub const COMMON: usize = 2_000;

/// How far back the original of a repeated request lies.
const REPEATED_AFTER: usize = 50;

/// Which kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mix {
    /// All valid, all different.
    Valid,
    /// All forged, all different.
    Forged,
    /// 90 % valid, 5 % repeated, 3 % forged, 1 % stale, 1 % URL validations.
    Mixed,
}

/// How the client treats connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Connections {
    /// The client would keep them; whether they are kept is the server's affair.
    Kept,
    /// One for each request, closed after it.
    Fresh,
}

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scenario {
    /// Which kinds.
    pub mix: Mix,
    /// Bytes of a body.
    pub size: usize,
    /// Kept or fresh.
    pub connections: Connections,
    /// Requests under way at a time.
    pub concurrency: usize,
    /// Only for contestants that store durably.
    pub durable: bool,
}

// === impl Scenario ===

impl Scenario {
    /// Every measurement of a round.
    pub fn all(concurrency: usize) -> Vec<Self> {
        let mut all = Vec::new();
        for connections in [Connections::Kept, Connections::Fresh] {
            let of = |mix, size| Self {
                mix,
                size,
                connections,
                concurrency,
                durable: false,
            };
            for size in SIZES {
                all.push(of(Mix::Valid, size));
                all.push(of(Mix::Forged, size));
            }
            all.push(of(Mix::Mixed, COMMON));
        }
        all.extend([64, 256].map(|concurrency| Self {
            mix: Mix::Valid,
            size: COMMON,
            connections: Connections::Fresh,
            concurrency,
            durable: true,
        }));
        all
    }

    /// How many requests of it, if there are `base` of the small ones.
    pub fn requests(&self, base: usize) -> usize {
        let part = match self.size {
            0..=4_000 => base,
            4_001..=30_000 => base / 2,
            _ => base / 8,
        };
        // A thousand and more at a time is what group commit is about.
        let part = if self.durable { part * 2 } else { part };
        part.max(self.concurrency * 2)
    }

    /// The requests, signed.
    pub fn prepare(&self, signer: &Signer, count: usize) -> Vec<Request> {
        let mut requests: Vec<Request> = Vec::with_capacity(count);
        for index in 0..count {
            let request = match self.kind(index) {
                Kind::Repeated => requests[index - REPEATED_AFTER].repeated(),
                Kind::Validation => signer.validation(),
                kind => signer.event(kind, self.size),
            };
            requests.push(request);
        }
        requests
    }

    /// Spread evenly, the same in every run.
    fn kind(&self, index: usize) -> Kind {
        match self.mix {
            Mix::Valid => Kind::Valid,
            Mix::Forged => Kind::Forged,
            Mix::Mixed => match index % 100 {
                // Their originals, 50 before, are valid ones.
                57 | 64 | 71 | 78 | 85 => Kind::Repeated,
                11 | 44 | 92 => Kind::Forged,
                33 => Kind::Stale,
                66 => Kind::Validation,
                _ => Kind::Valid,
            },
        }
    }
}

impl std::fmt::Display for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mix = match self.mix {
            Mix::Valid => "valid",
            Mix::Forged => "forged",
            Mix::Mixed => "mixed",
        };
        let connections = match self.connections {
            Connections::Kept => "kept",
            Connections::Fresh => "fresh",
        };
        let Self {
            concurrency,
            durable,
            ..
        } = self;
        write!(f, "{mix} {}, {connections}", size(self.size))?;
        if *durable {
            write!(f, ", concurrency {concurrency}")?;
        }
        Ok(())
    }
}

/// As people say it.
pub fn size(bytes: usize) -> String {
    match bytes {
        300 => "0.3 KB".into(),
        _ => format!("{} KB", bytes / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Scheme;

    #[test]
    fn the_mix_is_as_promised() {
        let scenario = Scenario {
            mix: Mix::Mixed,
            size: 300,
            connections: Connections::Kept,
            concurrency: 1,
            durable: false,
        };
        let requests = scenario.prepare(&Signer::new("key", Scheme::Zoom, true), 1000);
        let count = |kind| requests.iter().filter(|r| r.kind == kind).count();
        assert_eq!(count(Kind::Valid), 900);
        assert_eq!(count(Kind::Repeated), 50);
        assert_eq!(count(Kind::Forged), 30);
        assert_eq!(count(Kind::Stale), 10);
        assert_eq!(count(Kind::Validation), 10);
        for (index, request) in requests.iter().enumerate() {
            if request.kind == Kind::Repeated {
                assert_eq!(requests[index - REPEATED_AFTER].kind, Kind::Valid);
            }
        }
    }
}
