//! Which events go on to the sink.
//!
//! Subscriptions in Zoom's portal are made by hand and can say more than the integration declares;
//! undeclared events are acknowledged and counted, but not forwarded.

use std::collections::BTreeSet;

use contract::facts::REMOVED;

/// Decides by the name of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter(Option<BTreeSet<String>>);

// === impl Filter ===

impl Filter {
    /// Only these events, and `app_deauthorized`: Zoom sends it without a subscription, and it tells
    /// the back end to delete a user's data.
    pub fn only(events: impl IntoIterator<Item = String>) -> Self {
        Self(Some(events.into_iter().collect()))
    }

    /// Whether an event of this name goes on to the sink.
    #[must_use]
    pub fn passes(&self, name: &str) -> bool {
        name == REMOVED
            || self
                .0
                .as_ref()
                .is_none_or(|declared| declared.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_list_everything_passes() {
        assert!(Filter::default().passes("meeting.ended"));
    }

    #[test]
    fn a_list_lets_pass_what_it_names_and_removals() {
        let filter = Filter::only(["meeting.ended".to_owned()]);
        assert!(filter.passes("meeting.ended") && filter.passes("app_deauthorized"));
        assert!(!filter.passes("meeting.started"));
        assert!(!Filter::only([]).passes("meeting.ended"));
    }
}
