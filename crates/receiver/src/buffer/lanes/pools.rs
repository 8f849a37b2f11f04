//! Who may deliver now. Lanes whose sink fails or is slow have permits of their own, so that they hold up only
//! each other. So have deliveries to the integration's sink: what it does holds up no tenant, and no tenant it.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits of lanes whose last delivery went well.
const QUICK: usize = 64;
/// Permits of the others.
const SLOW: usize = 32;
/// Permits of the integration's own sink.
const OWN: usize = 32;
/// A permit is for so many bytes, which bounds what is in memory.
const BYTES: usize = 64 * 1024;
/// Most permits of one delivery.
const MOST: usize = 16;
/// Most bytes that lanes read ahead, all of them together.
const AHEAD: usize = 512 * 1024;

/// The permits of all lanes.
#[derive(Debug)]
pub struct Pools {
    quick: Arc<Semaphore>,
    slow: Arc<Semaphore>,
    own: Arc<Semaphore>,
    ahead: Arc<Semaphore>,
}

/// Whose permits a delivery needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// A tenant's sink that accepts events.
    Quick,
    /// A tenant's sink that fails or is slow.
    Slow,
    /// The integration's sink.
    Own,
}

/// Held during a delivery.
pub type Permit = Option<OwnedSemaphorePermit>;

// === impl Pools ===

impl Pools {
    /// Waits for its turn. Cancel safe.
    pub async fn acquire(&self, pool: Pool, bytes: usize) -> Permit {
        let pool = match pool {
            Pool::Quick => &self.quick,
            Pool::Slow => &self.slow,
            Pool::Own => &self.own,
        };
        let permits = bytes.div_ceil(BYTES).clamp(1, MOST);
        let permits = u32::try_from(permits).unwrap_or(1);
        // Never closed.
        Arc::clone(pool).acquire_many_owned(permits).await.ok()
    }

    /// Memory for so many bytes that are read ahead, if there is some.
    #[must_use]
    pub fn ahead(&self, bytes: usize) -> Permit {
        let bytes = u32::try_from(bytes).ok()?;
        Arc::clone(&self.ahead).try_acquire_many_owned(bytes).ok()
    }
}

impl Default for Pools {
    fn default() -> Self {
        Self {
            quick: Arc::new(Semaphore::new(QUICK)),
            slow: Arc::new(Semaphore::new(SLOW)),
            own: Arc::new(Semaphore::new(OWN)),
            ahead: Arc::new(Semaphore::new(AHEAD)),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn slow_ones_hold_up_only_each_other_and_large_ones_count_more() {
        let pools = Pools::default();
        let mut all = Vec::new();
        for (pool, most) in [(Pool::Slow, SLOW), (Pool::Own, OWN)] {
            let acquire = || pools.acquire(pool, 100).now_or_never();
            let held: Vec<_> = std::iter::from_fn(acquire).collect();
            assert_eq!(held.len(), most);
            all.push(held);
        }
        assert!(pools.acquire(Pool::Quick, 100).now_or_never().is_some());
        let large: Vec<_> = (0..QUICK / MOST)
            .map(|_| pools.acquire(Pool::Quick, 2 << 20).now_or_never())
            .collect();
        assert!(large.iter().all(Option::is_some));
        assert!(pools.acquire(Pool::Quick, 1).now_or_never().is_none());
    }
}
