//! Why a pass could not be finished. What Zoom refused is no error here: it is a finding.

use grant::StoreError;

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
    /// A grant could not be read or written.
    #[error("failed to store a grant")]
    Store(#[from] StoreError),
    /// The pass took too long.
    #[error("the pass took longer than {} seconds", .0.as_secs())]
    Timeout(std::time::Duration),
}

// === impl Error ===

impl Error {
    /// Every reason, for metrics.
    pub const REASONS: [&str; 5] = ["kubernetes", "conflict", "deposed", "store", "timeout"];

    /// One word for metrics.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Kubernetes(_) => "kubernetes",
            Self::Conflict => "conflict",
            Self::Deposed => "deposed",
            Self::Store(_) => "store",
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

impl From<grant::Error> for Error {
    fn from(error: grant::Error) -> Self {
        match error {
            grant::Error::Deposed => Self::Deposed,
            grant::Error::Store(StoreError::Conflict | StoreError::Gone) => Self::Conflict,
            grant::Error::Store(error) => Self::Store(error),
        }
    }
}
