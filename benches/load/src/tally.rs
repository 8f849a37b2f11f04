//! Every answer is judged: who is fast and wrong should be seen to be wrong.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::request::Kind;

/// How one request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// 2xx; a URL validation also with the right token in it.
    Accepted,
    /// Anything else that HTTP can say.
    Refused,
    /// No answer.
    Failed,
}

/// Answers to one kind of request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// 2xx.
    pub accepted: usize,
    /// Another status.
    pub refused: usize,
    /// No answer.
    pub failed: usize,
    /// How often each status was given.
    pub statuses: BTreeMap<u16, usize>,
}

/// Answers by kind.
pub type Tally = BTreeMap<Kind, Count>;

// === impl Count ===

impl Count {
    /// Counts one answer; no status is none.
    pub fn add(&mut self, verdict: Verdict, status: Option<u16>) {
        match verdict {
            Verdict::Accepted => self.accepted += 1,
            Verdict::Refused => self.refused += 1,
            Verdict::Failed => self.failed += 1,
        }
        if let Some(status) = status {
            *self.statuses.entry(status).or_default() += 1;
        }
    }
}

/// Judges an answer.
pub fn judge(kind: Kind, status: u16, is_token_right: bool) -> Verdict {
    match status {
        200..300 if kind != Kind::Validation || is_token_right => Verdict::Accepted,
        _ => Verdict::Refused,
    }
}

/// What of it is wrong, in words. Nothing if all is right.
pub fn faults(tally: &Tally, statuses: Option<fn(Kind) -> &'static [u16]>) -> Vec<String> {
    let mut faults = Vec::new();
    for (kind, count) in tally {
        let name = format!("{kind:?}").to_lowercase();
        let mut say = |number: usize, what: &str| {
            if number > 0 {
                faults.push(format!("{number} {name} {what}"));
            }
        };
        if matches!(kind, Kind::Forged | Kind::Stale) {
            say(count.accepted, "accepted");
        } else {
            say(count.refused, "refused");
        }
        say(count.failed, "without an answer");
        if let Some(expected) = statuses.map(|statuses| statuses(*kind)) {
            let others = count
                .statuses
                .iter()
                .filter(|(status, _)| !expected.contains(status));
            for (status, number) in others {
                say(
                    *number,
                    &format!("answered {status} instead of {expected:?}"),
                );
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_named() {
        let mut tally = Tally::new();
        let forged = tally.entry(Kind::Forged).or_default();
        forged.add(judge(Kind::Forged, 401, false), Some(401));
        assert!(faults(&tally, Some(|_| &[401])).is_empty());
        let valid = tally.entry(Kind::Valid).or_default();
        valid.add(judge(Kind::Valid, 503, false), Some(503));
        assert_eq!(faults(&tally, None), ["1 valid refused"]);
    }

    #[test]
    fn a_validation_needs_its_token() {
        assert_eq!(judge(Kind::Validation, 200, false), Verdict::Refused);
        assert_eq!(judge(Kind::Validation, 200, true), Verdict::Accepted);
    }
}
