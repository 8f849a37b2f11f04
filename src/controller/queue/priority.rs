//! Why an object waits for a pass, and how soon it gets it.

/// Why an object waits for a pass. Of several requests, the strongest of each part counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority {
    /// How soon it gets its pass.
    pub(super) urgency: Urgency,
    /// Whether something may have changed. Otherwise a pass that cannot do yet what is due has nothing to do.
    is_whole: bool,
}

/// How soon an object gets its pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// A person must mend it first, and it is looked at again in case they did so at Zoom.
    Retry,
    /// It is due, or it is not known to have changed.
    Routine,
    /// It is new or changed, or a person waits for it.
    Change,
}

// === impl Priority ===

impl Priority {
    /// A person must act before anything can change, and nothing else happened.
    pub const RETRY: Self = Self {
        urgency: Urgency::Retry,
        is_whole: false,
    };
    /// It is due, or somebody asked for another token, and nothing else happened.
    pub const DUE: Self = Self {
        urgency: Urgency::Routine,
        is_whole: false,
    };
    /// It existed before this process started, or a pass could not finish.
    pub const ROUTINE: Self = Self {
        urgency: Urgency::Routine,
        is_whole: true,
    };
    /// A person waits for it, and nothing else happened.
    pub const PROMPT: Self = Self {
        urgency: Urgency::Change,
        is_whole: false,
    };
    /// It is new or changed.
    pub const CHANGE: Self = Self {
        urgency: Urgency::Change,
        is_whole: true,
    };

    /// Whether something may have changed.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.is_whole
    }

    /// The strongest of each part.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            urgency: self.urgency.max(other.urgency),
            is_whole: self.is_whole || other.is_whole,
        }
    }
}
