//! What the browser stores from the start to the result: one cookie for each consent, so that two tabs do not
//! interfere. Encrypted and bound to its name, which is derived from `state`.

use std::fmt;

use axum::http::{HeaderMap, header};
use contract::Language;
use cookie::{Cookie, CookieJar, Key, SameSite};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::keys::Keys;
use contract::consent::{self, LIFETIME_SECONDS, Transaction};

/// Prefix of the cookies' names. Browsers accept `__Host-` only with Secure, the path `/` and no domain.
pub const PREFIX: &str = "__Host-zoom-";

/// Number of digits of the transaction in a cookie's name.
const DIGITS: usize = 16;
/// Maximum number of cookies of one browser.
const MAX_COOKIES: usize = 10;
/// Maximum size of all cookies in bytes: many proxies accept a header line of 8 KiB.
const MAX_BYTES: usize = 6 * 1024;
/// Maximum size of one cookie in bytes: browsers accept 4096 with name and attributes.
const MAX_VALUE: usize = 3800;

/// A consent in progress.
#[derive(Clone, Serialize, Deserialize)]
pub struct Ticket {
    /// The `state` parameter.
    #[serde(serialize_with = "consent::expose")]
    pub state: SecretString,
    /// The PKCE verifier; empty once it was handed over.
    #[serde(serialize_with = "consent::expose")]
    pub verifier: SecretString,
    /// Path of the start page, below the base. A person who started with a link that was replaced since does
    /// not get the new one.
    pub start: String,
    /// Namespace of the connection.
    pub namespace: String,
    /// Namespace of the integration, if it is not that of the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_namespace: Option<String>,
    /// Name of the integration.
    pub integration: String,
    /// UID of the integration.
    pub integration_uid: String,
    /// Name of the connection; with self-service, of the one to be created.
    pub connection: String,
    /// UID of the connection; `None` with self-service.
    pub connection_uid: Option<String>,
    /// Client id that the code is issued for.
    pub client_id: String,
    /// The redirect URL that was sent to Zoom.
    pub redirect_url: String,
    /// When the person started.
    pub begun: Timestamp,
    /// When the code was handed over.
    pub authorized: Option<Timestamp>,
    /// When it expires.
    pub expires: Timestamp,
    /// The language in which the person started.
    pub language: Language,
}

/// The cookies of a request that may be ours, still encrypted.
#[derive(Default)]
pub struct Carried(Vec<Cookie<'static>>);

/// A ticket is too large for a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too large for a cookie")]
pub struct TooLarge;

/// When a ticket from now expires.
#[must_use]
pub fn expiry(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second() + LIFETIME_SECONDS).unwrap_or(now)
}

/// Name of a transaction's cookie.
#[must_use]
pub fn name(transaction: &Transaction) -> String {
    format!("{PREFIX}{}", &transaction.as_str()[..DIGITS])
}

/// The `Set-Cookie` header that deletes a cookie.
#[must_use]
pub fn forget(name: &str) -> String {
    shaped(name.to_owned(), String::new(), 0).to_string()
}

// === impl Ticket ===

impl Ticket {
    /// Namespace of the integration.
    #[must_use]
    pub fn integration_namespace(&self) -> &str {
        self.integration_namespace
            .as_deref()
            .unwrap_or(&self.namespace)
    }

    /// The transaction that it belongs to.
    #[must_use]
    pub fn transaction(&self) -> Transaction {
        Transaction::of(self.state.expose_secret())
    }

    /// The `Set-Cookie` header that stores it in the browser.
    ///
    /// # Errors
    /// When it is too large.
    pub fn seal(&self, keys: &Keys) -> Result<String, TooLarge> {
        let json = serde_json::to_string(self).map_err(|_| TooLarge)?;
        let name = name(&self.transaction());
        let mut jar = CookieJar::new();
        jar.private_mut(keys.encrypting(Timestamp::now()))
            .add(shaped(name.clone(), json, LIFETIME_SECONDS));
        let sealed = jar.get(&name).ok_or(TooLarge)?;
        if sealed.value().len() > MAX_VALUE {
            return Err(TooLarge);
        }
        Ok(sealed.to_string())
    }
}

/// Shows only what is not secret.
impl fmt::Debug for Ticket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Ticket")
            .field("transaction", &self.transaction().as_str())
            .field("namespace", &self.namespace)
            .field("integration", &self.integration)
            .finish_non_exhaustive()
    }
}

// === impl Carried ===

impl Carried {
    /// The cookies of a request.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let cookies = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(Cookie::split_parse)
            .filter_map(Result::ok)
            .filter(|cookie| is_ours(cookie.name()))
            .map(Cookie::into_owned);
        Self(cookies.collect())
    }

    /// The ticket of a transaction, if it exists, was made by us and has not expired.
    #[must_use]
    pub fn ticket(&self, keys: &Keys, transaction: &Transaction, now: Timestamp) -> Option<Ticket> {
        let name = name(transaction);
        let mut same = self.0.iter().filter(|cookie| cookie.name() == name);
        let cookie = same.next()?;
        if same.next().is_some() {
            return None; // A browser never sends a `__Host-` cookie twice.
        }
        open(keys, cookie)
            .filter(|ticket| now < ticket.expires)
            .filter(|ticket| ticket.transaction() == *transaction)
    }

    /// The names of the cookies to delete to make room for one of this size: unreadable ones first, then the
    /// oldest.
    #[must_use]
    pub fn crowded_out(&self, keys: &Keys, coming: usize) -> Vec<String> {
        let mut kept: Vec<(Timestamp, &Cookie)> = self
            .0
            .iter()
            .map(|cookie| {
                let begun = open(keys, cookie).map_or(Timestamp::MIN, |ticket| ticket.begun);
                (begun, cookie)
            })
            .collect();
        kept.sort_by_key(|(begun, _)| std::cmp::Reverse(*begun));
        let mut bytes = coming;
        let mut gone = Vec::new();
        for (position, (begun, cookie)) in kept.into_iter().enumerate() {
            bytes += cookie.name().len() + cookie.value().len() + 3;
            if begun == Timestamp::MIN || position + 1 >= MAX_COOKIES || bytes > MAX_BYTES {
                gone.push(cookie.name().to_owned());
            }
        }
        gone
    }
}

fn open(keys: &Keys, cookie: &Cookie<'static>) -> Option<Ticket> {
    let by = |key: &Key| {
        let plain = CookieJar::new().private(key).decrypt(cookie.clone())?;
        serde_json::from_str::<Ticket>(plain.value()).ok()
    };
    by(&keys.current).or_else(|| keys.previous.as_ref().and_then(by))
}

fn shaped(name: String, value: String, seconds: i64) -> Cookie<'static> {
    Cookie::build((name, value))
        .path("/")
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Lax)
        .max_age(cookie::time::Duration::seconds(seconds))
        .build()
}

fn is_ours(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|digits| {
        digits.len() == DIGITS
            && digits
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}
