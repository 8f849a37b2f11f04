//! The answers: how each request can end, what Zoom is told, and what the metric calls it.
//!
//! Zoom retries after 5xx and after no answer, never after 3xx and 4xx. So whatever is or might be
//! our own problem is 503; 4xx is for requests that a retry cannot fix.

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{challenge::Answer, domain_validation};
use contract::{health::OwnTrouble, proof};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    /// The sink has acknowledged the event.
    Delivered,
    /// The event is in the buffer, on the disk.
    Stored,
    /// It was delivered or stored before.
    Duplicate,
    /// A URL validation was answered.
    Validated,
    /// A signed URL validation whose token must not be signed.
    ValidationRefused,
    /// A reachability check by a caller who has the secret.
    Reached,
    /// The file of Zoom's domain validation was asked for.
    DomainValidated,
    /// A load balancer asked, and the Pod is ready.
    Healthy,
    /// A load balancer asked, and the Pod is not ready.
    Unready,
    /// The event was not declared: acknowledged, and not forwarded.
    Ignored,
    /// Another path or method. Reveals nothing.
    NotFound,
    /// The body exceeds the limit.
    TooLarge,
    /// The client closed the connection, or framed the body wrongly.
    Incomplete,
    /// Signature headers missing, duplicated or malformed.
    Unsigned,
    /// The signature is valid; the extra authentication is missing or wrong.
    Unauthenticated,
    /// The signature matches no live secret.
    UnknownSignature,
    /// The same, although a signature was right before: perhaps the secret token was regenerated.
    SignatureChanged,
    /// The same during a rotation of the secret: the new one may not be mounted yet.
    RotationAnnounced,
    /// A valid signature with a time far from ours: our clock may be wrong.
    OutsideWindow,
    /// There is no secret to check with, or no value for the extra authentication.
    NoSecret,
    /// The integration is suspended.
    Suspended,
    /// No sink is configured.
    NoSink,
    /// The sink has not acknowledged the event.
    SinkFailed,
    /// The buffer, or its disk, has no space for the event.
    BufferFull,
    /// The account of the event has its share of the buffer. Others are taken.
    AccountFull,
    /// The buffer could not store the event.
    BufferFailed,
    /// The buffer is being emptied and takes nothing new.
    Draining,
    /// No memory for another body.
    Busy,
    /// Not done in time.
    Deadline,
}

/// An outcome with its body and headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// How the request ended.
    pub outcome: RequestOutcome,
    /// The body for Zoom's URL validation.
    pub answer: Option<Answer>,
    /// The answer to a reachability check.
    pub proof: Option<Proof>,
    /// The file of Zoom's domain validation.
    pub file: Option<Bytes>,
}

/// The answer to a reachability check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// What only this receiver can answer.
    pub answer: HeaderValue,
    /// What it says of a POST: one of the values of [`proof::POST`].
    pub post: &'static str,
}

// === impl RequestOutcome ===

impl RequestOutcome {
    /// Every outcome.
    pub const ALL: [Self; 29] = [
        Self::Delivered,
        Self::Stored,
        Self::Duplicate,
        Self::Validated,
        Self::ValidationRefused,
        Self::Reached,
        Self::DomainValidated,
        Self::Healthy,
        Self::Unready,
        Self::Ignored,
        Self::NotFound,
        Self::TooLarge,
        Self::Incomplete,
        Self::Unsigned,
        Self::Unauthenticated,
        Self::UnknownSignature,
        Self::SignatureChanged,
        Self::RotationAnnounced,
        Self::OutsideWindow,
        Self::NoSecret,
        Self::Suspended,
        Self::NoSink,
        Self::SinkFailed,
        Self::BufferFull,
        Self::AccountFull,
        Self::BufferFailed,
        Self::Draining,
        Self::Busy,
        Self::Deadline,
    ];

    /// The metric's label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Stored => "stored",
            Self::Duplicate => "duplicate",
            Self::Validated => "validated",
            Self::ValidationRefused => "validation_refused",
            Self::Reached => "reached",
            Self::DomainValidated => "domain_validated",
            Self::Healthy => "healthy",
            Self::Unready => "unready",
            Self::Ignored => "ignored",
            Self::NotFound => "not_found",
            Self::TooLarge => "too_large",
            Self::Incomplete => "incomplete",
            Self::Unsigned => "unsigned",
            Self::Unauthenticated => "unauthenticated",
            Self::UnknownSignature => "unknown_signature",
            Self::SignatureChanged => "signature_changed",
            Self::RotationAnnounced => "rotation_announced",
            Self::OutsideWindow => "outside_window",
            Self::NoSecret => "no_secret",
            Self::Suspended => "suspended",
            Self::NoSink => "no_sink",
            Self::SinkFailed => "sink_failed",
            Self::BufferFull => "buffer_full",
            Self::AccountFull => "account_full",
            Self::BufferFailed => "buffer_failed",
            Self::Draining => "draining",
            Self::Busy => "busy",
            Self::Deadline => "deadline",
        }
    }

    /// The HTTP status for Zoom.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Delivered | Self::Stored | Self::Duplicate | Self::Reached | Self::Ignored => {
                StatusCode::NO_CONTENT
            }
            Self::Validated | Self::DomainValidated | Self::Healthy => StatusCode::OK,
            Self::ValidationRefused | Self::Incomplete => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unsigned | Self::UnknownSignature => StatusCode::UNAUTHORIZED,
            Self::Unready
            | Self::Unauthenticated
            | Self::SignatureChanged
            | Self::RotationAnnounced
            | Self::OutsideWindow
            | Self::NoSecret
            | Self::Suspended
            | Self::NoSink
            | Self::SinkFailed
            | Self::BufferFull
            | Self::AccountFull
            | Self::BufferFailed
            | Self::Draining
            | Self::Busy
            | Self::Deadline => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The whole body was read, and its signature matches no secret.
    #[must_use]
    pub fn is_wrong_signature(self) -> bool {
        matches!(
            self,
            Self::UnknownSignature | Self::SignatureChanged | Self::RotationAnnounced
        )
    }

    /// Whether the event is stored or delivered, or was before.
    #[must_use]
    pub fn is_taken(self) -> bool {
        matches!(self, Self::Delivered | Self::Stored | Self::Duplicate)
    }

    /// Why an event of Zoom's is not taken, if that is a trouble of this process.
    #[must_use]
    pub fn own_trouble(self) -> Option<OwnTrouble> {
        match self {
            Self::BufferFailed => Some(OwnTrouble::BufferFailed),
            Self::Deadline => Some(OwnTrouble::Deadline),
            Self::Busy => Some(OwnTrouble::Busy),
            _ => None,
        }
    }

    /// Whether the connection may serve any number of further requests. Only after a valid signature:
    /// anybody else could hold idle connections open.
    #[must_use]
    pub fn keeps_connection(self) -> bool {
        matches!(
            self,
            Self::Delivered
                | Self::Stored
                | Self::Duplicate
                | Self::Validated
                | Self::Ignored
                | Self::Suspended
                | Self::NoSink
                | Self::SinkFailed
                | Self::BufferFull
                | Self::AccountFull
                | Self::BufferFailed
                | Self::Draining
        )
    }
}

// === impl Reply ===

impl From<RequestOutcome> for Reply {
    fn from(outcome: RequestOutcome) -> Self {
        Self {
            outcome,
            answer: None,
            proof: None,
            file: None,
        }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        if let Some(proof) = self.proof {
            let proof = [
                (HeaderName::from_static(proof::HEADER), proof.answer),
                (
                    HeaderName::from_static(proof::POST),
                    HeaderValue::from_static(proof.post),
                ),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ];
            return (self.outcome.status(), proof, Body::empty()).into_response();
        }
        if let Some(file) = self.file {
            return domain_validation::answer(file);
        }
        let body = self.answer.map(|answer| serde_json::to_string(&answer));
        let Some(Ok(body)) = body else {
            return (self.outcome.status(), Body::empty()).into_response();
        };
        let json = HeaderValue::from_static("application/json");
        (self.outcome.status(), [(header::CONTENT_TYPE, json)], body).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_differ_and_own_trouble_is_retried() {
        let mut labels = RequestOutcome::ALL.map(RequestOutcome::label).to_vec();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), RequestOutcome::ALL.len());
        for outcome in RequestOutcome::ALL {
            let status = outcome.status();
            assert!(
                !status.is_redirection() && status != StatusCode::TOO_MANY_REQUESTS,
                "{outcome:?}"
            );
        }
    }
}
