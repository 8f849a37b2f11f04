//! Why a pass could not finish. A refusal by Zoom is not an error here: it is a finding.

use grant::StoreError;

/// Why a pass could not finish.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or did not answer.
    #[error("a request to the Kubernetes API failed")]
    Kubernetes(#[from] kube::Error),
    /// Somebody else wrote in between; the next pass sees the change.
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

    /// The API server's sentence, if it refuses because of a missing permission.
    #[must_use]
    pub fn forbidden(&self) -> Option<&str> {
        match self {
            Self::Kubernetes(kube::Error::Api(status)) if status.is_forbidden() => {
                Some(&status.message)
            }
            _ => None,
        }
    }

    /// The API server's sentence, if it refused this one request. Others may succeed: what else a pass has to do goes
    /// on.
    ///
    /// # Errors
    /// Any other error.
    pub fn into_refusal(self) -> Result<String, Self> {
        match self {
            // Without a valid identity, every request is refused.
            Self::Kubernetes(kube::Error::Api(status)) if status.code != 401 => {
                Ok(status.message.clone())
            }
            other => Err(other),
        }
    }

    /// Whether the API server's answer is the same the next time, until somebody changes something. One that is
    /// overloaded, or a webhook that is down, may answer otherwise.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Kubernetes(kube::Error::Api(status)) => {
                matches!(status.code, 400..=499) && !matches!(status.code, 408 | 429)
            }
            _ => false,
        }
    }

    /// A write that lost a race is a conflict; other errors keep their meaning.
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

/// The whole chain of errors in one line: the API server's own sentence is often the last.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = sentence(error);
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = sentence(cause);
        // Some errors repeat their cause.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        // The API server's answer is complete; the errors below it only repeat it.
        next = cause.source().filter(|_| refusal(cause).is_none());
    }
    text
}

/// A single error, without its causes.
fn sentence(error: &(dyn std::error::Error + 'static)) -> String {
    match refusal(error) {
        // The library's text would contain every field of the answer.
        Some(status) => format!("{} (HTTP {})", status.message, status.code),
        None => error.to_string(),
    }
}

/// The API server's answer.
fn refusal<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a kube::core::Status> {
    match error.downcast_ref::<kube::Error>()? {
        kube::Error::Api(status) => Some(status),
        _ => None,
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

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn only_a_refusal_of_one_request_is_a_finding() {
        let answered = |code, reason| {
            let status = Status::failure("exceeded quota", reason).with_code(code);
            Error::from_write(kube::Error::Api(status.boxed())).into_refusal()
        };
        for code in [400, 403, 413, 422, 500] {
            assert_eq!(answered(code, "").unwrap(), "exceeded quota", "{code}");
        }
        let conflict = answered(409, "Conflict");
        assert!(matches!(conflict, Err(Error::Conflict)));
        let unknown = answered(401, "Unauthorized");
        assert!(matches!(unknown, Err(Error::Kubernetes(_))));
        let deposed = Error::Deposed.into_refusal();
        assert!(matches!(deposed, Err(Error::Deposed)));
    }

    #[test]
    fn a_refusal_is_told_in_the_words_of_the_api_server() {
        let forbidden =
            Status::failure("pods is forbidden: quota exceeded", "Forbidden").with_code(403);
        let error = Error::Kubernetes(kube::Error::Api(forbidden.boxed()));
        assert_eq!(
            chain(&error),
            "a request to the Kubernetes API failed: pods is forbidden: quota exceeded (HTTP 403)"
        );
    }
}
