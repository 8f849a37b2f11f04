//! The tenants with an open sink, in order of last use. Each operation takes about the same time, however many
//! there are.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Instant,
};

use super::tenant::Tenant;

/// The tenants with a sink, the one that was not used for the longest time first.
#[derive(Debug, Default)]
pub struct Recent {
    next: u64,
    uses: BTreeMap<u64, (Instant, Weak<Tenant>)>,
}

// === impl Recent ===

impl Recent {
    /// A tenant's sink is used now; `last` is what its last use returned.
    pub fn used(&mut self, tenant: &Arc<Tenant>, last: Option<u64>, now: Instant) -> u64 {
        if let Some(last) = last {
            self.uses.remove(&last);
        }
        let this = self.next;
        self.next += 1;
        self.uses.insert(this, (now, Arc::downgrade(tenant)));
        this
    }

    /// Takes out the tenant whose last use is the longest ago, with what that returned. `None` if there are not
    /// more than `most`, or if it has gone with its route.
    pub fn beyond(&mut self, most: usize) -> Option<(u64, Arc<Tenant>)> {
        if self.uses.len() <= most {
            return None;
        }
        let (last, (_, tenant)) = self.uses.pop_first()?;
        Some((last, tenant.upgrade()?))
    }

    /// Takes out those that were not used since `before`, and forgets those that have gone with their routes.
    pub fn idle(&mut self, before: Instant) -> Vec<(u64, Arc<Tenant>)> {
        self.uses.retain(|_, (_, tenant)| tenant.strong_count() > 0);
        let mut idle = Vec::new();
        while let Some(first) = self.uses.first_entry() {
            if first.get().0 >= before {
                break;
            }
            let (last, (_, tenant)) = first.remove_entry();
            idle.extend(tenant.upgrade().map(|tenant| (last, tenant)));
        }
        idle
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.uses.len()
    }
}
