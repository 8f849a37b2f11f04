//! Parameters of requests: the Basic header, query strings, forms, cookies.

use axum::http::{HeaderMap, Uri, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Names and values, decoded.
pub type Parameters = Vec<(String, String)>;

/// A parameter that was given twice, which RFC 6749 (section 3.2) forbids.
#[derive(Debug)]
pub struct Doubled;

/// Client id and secret of a Basic header.
pub fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || values.next().is_some() {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// The value of a parameter that must not be given twice.
pub fn single<'a>(
    parameters: &'a [(String, String)],
    name: &str,
) -> Result<Option<&'a str>, Doubled> {
    let mut values = parameters
        .iter()
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value.as_str());
    let first = values.next();
    if values.next().is_some() {
        Err(Doubled)
    } else {
        Ok(first)
    }
}

/// Parameters of query and form body. With any other content type they are lost, those of the query too, so that a
/// token request ends as an unsupported grant type.
pub fn parameters(uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Parameters {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or_default());
    let essence = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    let is_form =
        essence.is_some_and(|kind| kind.eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    if kind.is_some() && !is_form {
        return Vec::new();
    }
    let mut parameters = pairs(uri.query().unwrap_or_default());
    if is_form {
        parameters.extend(pairs(&String::from_utf8_lossy(body)));
    }
    parameters
}

/// Decodes a query string or a form body.
pub fn pairs(text: &str) -> Parameters {
    // The form decoding of the url crate is reached through a URL's query only.
    let Ok(mut url) = reqwest::Url::parse("http://form.invalid/") else {
        return Vec::new();
    };
    url.set_query(Some(text));
    url.query_pairs().into_owned().collect()
}

/// The value of a cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}
