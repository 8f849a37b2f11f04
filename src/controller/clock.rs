//! Whether our clock is right: before a step that cannot be undone, it is compared with that of the API server. A
//! clock that jumps ahead makes every time limit look as if it had passed.

use std::time::Duration;

use jiff::Timestamp;

use super::{reader::Reader, schedule};

/// Time between two attempts to take a step for which the clocks did not agree.
pub const UNTIL_RIGHT: Duration = Duration::from_mins(1);

/// Whether the API server's clock says the same as ours. `step` is what depends on it, for the log.
pub async fn is_confirmed(reader: &Reader, step: &str) -> bool {
    let server = reader.server_time().await;
    let now = Timestamp::now();
    let is_confirmed = server.is_some_and(|server| schedule::agree(server, now));
    if !is_confirmed {
        tracing::warn!(
            step,
            server = server.map(|server| server.to_string()),
            own = now.to_string(),
            "waits: the clock of the API server does not confirm ours"
        );
    }
    is_confirmed
}
