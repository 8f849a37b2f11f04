//! The answer to a request, before it becomes an HTTP response.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{limits, outcome::PageOutcome};

/// An answer.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// How a step of a consent ended, if this was one.
    pub outcome: Option<PageOutcome>,
    content_type: &'static str,
    body: String,
    headers: Vec<(HeaderName, String)>,
}

// === impl Answer ===

impl Answer {
    /// A page.
    #[must_use]
    pub fn page(status: StatusCode, html: String) -> Self {
        Self {
            status,
            outcome: None,
            content_type: "text/html; charset=utf-8",
            body: html,
            headers: Vec::new(),
        }
    }

    /// The page for an outcome.
    #[must_use]
    pub fn ended(outcome: PageOutcome, html: String) -> Self {
        let answer = Self {
            outcome: Some(outcome),
            ..Self::page(outcome.status(), html)
        };
        match outcome {
            PageOutcome::RateLimited => {
                answer.with(header::RETRY_AFTER, limits::RETRY_AFTER.to_string())
            }
            _ => answer,
        }
    }

    /// Does not count the answer as a step: it was shown before.
    #[must_use]
    pub fn uncounted(self) -> Self {
        Self {
            outcome: None,
            ..self
        }
    }

    /// Redirects to another address.
    #[must_use]
    pub fn onward(outcome: PageOutcome, location: String) -> Self {
        Self::ended(outcome, String::new()).with(header::LOCATION, location)
    }

    /// A file that is not a page, and that caches may keep for an hour.
    #[must_use]
    pub fn asset(content_type: &'static str, text: &str) -> Self {
        Self {
            content_type,
            ..Self::page(StatusCode::OK, text.to_owned())
        }
        .with(header::CACHE_CONTROL, "public, max-age=3600".to_owned())
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = (self.status, Body::from(self.body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(self.content_type),
        );
        for (name, value) in self.headers {
            match HeaderValue::try_from(value) {
                Ok(value) => drop(headers.append(name, value)),
                // All headers are made of checked parts; without one of them, the answer would be misleading.
                Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            }
        }
        response
    }
}
