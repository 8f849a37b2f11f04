//! What people get wrong: refused by the API server with a sentence that names the remedy, or waited for without harm.

mod rules;
mod secrets;

use crate::bed::Case;

pub fn cases() -> Vec<Case> {
    [rules::cases(), secrets::cases()]
        .into_iter()
        .flatten()
        .collect()
}
