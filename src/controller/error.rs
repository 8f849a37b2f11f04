//! Why a pass could not be finished. What Zoom refused is no error here: it is a finding.

/// Why a pass could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or did not answer.
    #[error("failed to reach the Kubernetes API")]
    Kubernetes(#[from] kube::Error),
    /// Somebody else wrote in between; the next pass sees it.
    #[error("an object changed during the pass")]
    Conflict,
    /// This replica no longer leads: it must neither call Zoom nor write.
    #[error("leadership was lost during the pass")]
    Deposed,
    /// The pass took too long.
    #[error("the pass took longer than {} seconds", .0.as_secs())]
    Timeout(std::time::Duration),
}

// === impl Error ===

impl Error {
    /// Every reason, for metrics.
    pub const REASONS: [&str; 4] = ["kubernetes", "conflict", "deposed", "timeout"];

    /// One word for metrics.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Kubernetes(_) => "kubernetes",
            Self::Conflict => "conflict",
            Self::Deposed => "deposed",
            Self::Timeout(_) => "timeout",
        }
    }

    /// A write that lost a race is a conflict; anything else is what it is.
    #[must_use]
    pub fn from_write(error: kube::Error) -> Self {
        match &error {
            kube::Error::Api(status) if status.is_conflict() || status.is_already_exists() => {
                Self::Conflict
            }
            _ => Self::Kubernetes(error),
        }
    }
}
