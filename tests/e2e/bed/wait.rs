//! Waiting for a condition: asked again and again, with a generous limit, never by a fixed sleep.

use std::time::{Duration, Instant};

/// Enough for anything on a busy machine with two cores.
pub const LIMIT: Duration = Duration::from_mins(2);

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(200);

/// Waits until `attempt` gives something. An error counts as "not yet" and is shown when the time is up.
pub async fn wait_for<T, F>(
    what: &str,
    limit: Duration,
    mut attempt: impl FnMut() -> F,
) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<Option<T>>>,
{
    let started = Instant::now();
    loop {
        let trouble = match attempt().await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => None,
            Err(error) => Some(error),
        };
        if started.elapsed() > limit {
            let trouble = trouble.map_or_else(String::new, |error| format!(": {error:#}"));
            anyhow::bail!("{what}: not within {} s{trouble}", limit.as_secs());
        }
        tokio::time::sleep(PERIOD).await;
    }
}
