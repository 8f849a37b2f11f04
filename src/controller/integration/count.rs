//! Numbers of events in the status: small numbers are exact, large ones are rounded down in steps. If the
//! status changed with every event, it would be written and read again all the time.

use std::fmt;

/// Numbers up to this one are exact.
const EXACT: u64 = 20;

/// A number of events, as the status shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The number, rounded down to 20, 50, 100, 200, 500, … beyond 20.
    pub stepped: u64,
    /// Whether the number was rounded.
    pub is_rounded: bool,
}

// === impl Count ===

impl Count {
    /// Rounds large numbers.
    #[must_use]
    pub fn of(number: u64) -> Self {
        let mut step = EXACT;
        if number > EXACT {
            for factor in [5, 2, 2].into_iter().cycle() {
                // 20, 50, 100, 200: steps of 2.5, 2, 2.
                let next = if factor == 5 {
                    (step / 2).saturating_mul(5)
                } else {
                    step.saturating_mul(2)
                };
                if next > number || next <= step {
                    break;
                }
                step = next;
            }
        }
        let stepped = number.min(step);
        Self {
            stepped,
            is_rounded: stepped != number,
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_rounded {
            formatter.write_str("more than ")?;
        }
        write!(formatter, "{}", self.stepped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_exact_and_many_are_rounded_down() {
        for (number, shown) in [
            (0, "0"),
            (1, "1"),
            (20, "20"),
            (21, "more than 20"),
            (49, "more than 20"),
            (50, "50"),
            (99, "more than 50"),
            (199, "more than 100"),
            (4711, "more than 2000"),
            (5000, "5000"),
            (1_234_567, "more than 1000000"),
        ] {
            assert_eq!(Count::of(number).to_string(), shown);
        }
    }
}
