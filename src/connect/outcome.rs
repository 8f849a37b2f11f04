//! How each step of a consent can end, with its names in metrics and logs.

use axum::http::StatusCode;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageOutcome {
    /// The person was sent to Zoom.
    Begun,
    /// The code was handed over.
    HandedOver,
    /// It was already handed over.
    Replayed,
    /// The person declined at Zoom.
    Declined,
    /// Zoom reported another error.
    ZoomError,
    /// The installation was started in Zoom's Marketplace.
    Marketplace,
    /// Zoom does not send such parameters.
    Malformed,
    /// The browser has no valid cookie for it.
    NotCarried,
    /// The callback of another integration.
    OtherIntegration,
    /// The link does not exist.
    UnknownLink,
    /// The request came from another site.
    CrossSite,
    /// The integration is suspended or not prepared.
    NotReady,
    /// Self service has reached its limit of connections.
    Full,
    /// Too many requests.
    RateLimited,
    /// Kubernetes did not answer, or there is no key yet.
    Unavailable,
}

// === impl PageOutcome ===

impl PageOutcome {
    /// Every outcome.
    pub const ALL: [Self; 15] = [
        Self::Begun,
        Self::HandedOver,
        Self::Replayed,
        Self::Declined,
        Self::ZoomError,
        Self::Marketplace,
        Self::Malformed,
        Self::NotCarried,
        Self::OtherIntegration,
        Self::UnknownLink,
        Self::CrossSite,
        Self::NotReady,
        Self::Full,
        Self::RateLimited,
        Self::Unavailable,
    ];

    /// The metric's label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::HandedOver => "handed_over",
            Self::Replayed => "replayed",
            Self::Declined => "declined",
            Self::ZoomError => "zoom_error",
            Self::Marketplace => "marketplace",
            Self::Malformed => "malformed",
            Self::NotCarried => "not_carried",
            Self::OtherIntegration => "other_integration",
            Self::UnknownLink => "unknown_link",
            Self::CrossSite => "cross_site",
            Self::NotReady => "not_ready",
            Self::Full => "full",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Begun | Self::HandedOver | Self::Replayed => StatusCode::SEE_OTHER,
            Self::Declined | Self::Marketplace => StatusCode::OK,
            Self::ZoomError | Self::Malformed | Self::NotCarried | Self::OtherIntegration => {
                StatusCode::BAD_REQUEST
            }
            Self::UnknownLink => StatusCode::NOT_FOUND,
            Self::CrossSite => StatusCode::FORBIDDEN,
            Self::NotReady | Self::Full => StatusCode::CONFLICT,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_differ() {
        let mut labels = PageOutcome::ALL.map(PageOutcome::label).to_vec();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), PageOutcome::ALL.len());
    }
}
