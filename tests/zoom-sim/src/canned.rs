//! The answers that faults put in place of Zoom's own.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;

use crate::{
    errors::{self, Shape},
    faults::{Code, Endpoint, Fault, Per},
};

const SECONDS_PER_DAY: i64 = 86_400;

/// The answer made by a fault, or an explanation why it cannot be made. None if Zoom's own answer is to be used.
pub fn answer(
    fault: &Fault,
    endpoint: Endpoint,
    now: Timestamp,
) -> Result<Option<Response>, String> {
    match fault {
        Fault::Status {
            status,
            body,
            headers,
            ..
        } => {
            let mut reply = (status_code(*status)?, Body::from(body.clone())).into_response();
            for (name, value) in headers {
                let name = name
                    .parse::<HeaderName>()
                    .map_err(|error| error.to_string())?;
                reply.headers_mut().insert(name, header_value(value)?);
            }
            Ok(Some(reply))
        }
        Fault::RateLimit { per, retry_after } => {
            rate_limit(*per, retry_after.as_deref(), now).map(Some)
        }
        Fault::Garbage { .. } => {
            let kind = [(header::CONTENT_TYPE, "application/json;charset=UTF-8")];
            Ok(Some(
                (kind, "<html><body>It works!</body></html>").into_response(),
            ))
        }
        // Never seen by the client: the connection is cut instead.
        Fault::Refuse => Ok(Some(StatusCode::BAD_GATEWAY.into_response())),
        Fault::Error {
            code,
            status,
            message,
            shape,
        } => {
            let status = status.map(status_code).transpose()?;
            error(endpoint, *code, status, message.as_deref(), *shape).map(Some)
        }
        Fault::Delay { .. } | Fault::Truncated | Fault::Drop | Fault::Hold | Fault::HoldBefore => {
            Ok(None)
        }
    }
}

fn error(
    endpoint: Endpoint,
    code: Code,
    status: Option<StatusCode>,
    message: Option<&str>,
    shape: Option<Shape>,
) -> Result<Response, String> {
    let status = status.unwrap_or(StatusCode::BAD_REQUEST);
    match code {
        Code::Named(error) => Ok(errors::named(
            status,
            error,
            message.unwrap_or(error.reason()),
        )),
        Code::Numeric(code) => {
            let message = message
                .or_else(|| errors::numeric_message(code))
                .ok_or_else(|| {
                    format!("the meaning of code {code} is not known: give a message")
                })?;
            let usual = if endpoint == Endpoint::Token {
                Shape::Token
            } else {
                Shape::Api
            };
            Ok(errors::numeric(
                status,
                shape.unwrap_or(usual),
                code,
                message,
            ))
        }
    }
}

fn rate_limit(per: Per, retry_after: Option<&str>, now: Timestamp) -> Result<Response, String> {
    let (message, kind, usual) = match per {
        Per::Second => (
            "You have reached the maximum per-second rate limit for this API. Try again later.",
            "QPS",
            String::new(),
        ),
        Per::Day => (
            "You have reached the maximum daily rate limit for this API. Refer to the response header for details on \
             when you can make another request.",
            "Daily-limit",
            next_midnight(now),
        ),
    };
    let mut reply = errors::api(StatusCode::TOO_MANY_REQUESTS, 429, message);
    let headers = reply.headers_mut();
    headers.insert("x-ratelimit-category", HeaderValue::from_static("Medium"));
    headers.insert("x-ratelimit-type", HeaderValue::from_static(kind));
    headers.insert(
        "x-ratelimit-limit",
        HeaderValue::from_static(if per == Per::Day { "2000" } else { "2" }),
    );
    headers.insert("x-ratelimit-remaining", HeaderValue::from_static("0"));
    let retry_after = retry_after.unwrap_or(&usual);
    if !retry_after.is_empty() {
        headers.insert(header::RETRY_AFTER, header_value(retry_after)?);
    }
    Ok(reply)
}

/// ISO-8601 date-time, not seconds: that is how Zoom gives `Retry-After`.
fn next_midnight(now: Timestamp) -> String {
    let midnight = (now.as_second().div_euclid(SECONDS_PER_DAY) + 1) * SECONDS_PER_DAY;
    Timestamp::from_second(midnight)
        .unwrap_or(Timestamp::MAX)
        .to_string()
}

fn status_code(status: u16) -> Result<StatusCode, String> {
    if !(200..600).contains(&status) {
        return Err(format!("status {status} is not a final HTTP status"));
    }
    StatusCode::from_u16(status).map_err(|error| error.to_string())
}

fn header_value(value: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn the_daily_limit_ends_at_the_next_midnight_utc() {
        let midnight = |text: &str| next_midnight(text.parse().unwrap());
        assert_eq!(midnight("2026-02-28T23:59:59Z"), "2026-03-01T00:00:00Z");
        assert_eq!(midnight("2026-03-01T00:00:00Z"), "2026-03-02T00:00:00Z");
    }
}
