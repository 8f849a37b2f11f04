//! Waiting for a condition: asked again and again, with a generous limit, never by a fixed sleep.

use std::time::{Duration, Instant};

/// Enough for anything on a busy machine with two cores.
pub const LIMIT: Duration = Duration::from_mins(2);

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(200);

/// What an attempt may take when the time is nearly up.
const LAST_ATTEMPT: Duration = Duration::from_secs(15);

/// Waits until `attempt` gives something. An error counts as "not yet" and is shown when the time is up, which also ends
/// an attempt that hangs.
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
        let left = limit.saturating_sub(started.elapsed()) + LAST_ATTEMPT;
        let trouble = match tokio::time::timeout(left, attempt()).await {
            Ok(Ok(Some(found))) => return Ok(found),
            Ok(Ok(None)) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => Some(anyhow::anyhow!("the last attempt did not end")),
        };
        if started.elapsed() > limit {
            let trouble = trouble.map_or_else(String::new, |error| format!(": {error:#}"));
            anyhow::bail!("{what}: not within {} s{trouble}", limit.as_secs());
        }
        tokio::time::sleep(PERIOD).await;
    }
}
