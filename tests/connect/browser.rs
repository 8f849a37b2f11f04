//! A browser: keeps cookies as their attributes say, and follows nothing by itself.

use std::{collections::BTreeMap, net::SocketAddr};

use reqwest::{
    Client, Method,
    header::{COOKIE, HeaderMap, SET_COOKIE},
};
use runtime::outgoing::{Trust, client_builder};
use url::Url;

/// A browser with its cookies.
#[derive(Clone)]
pub struct Browser {
    client: Client,
    pub at: SocketAddr,
    pub cookies: BTreeMap<String, String>,
}

/// An answer as it came.
#[derive(Debug)]
pub struct Seen {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Browser {
    pub fn new(at: SocketAddr) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            client: client_builder(Trust::Nobody).build().unwrap(),
            at,
            cookies: BTreeMap::new(),
        }
    }

    pub async fn get(&mut self, path: &str) -> Seen {
        self.send(Method::GET, path, &[]).await
    }

    /// A form on one of our own pages.
    pub async fn post(&mut self, path: &str) -> Seen {
        let here = [("sec-fetch-site", "same-origin")];
        self.send(Method::POST, path, &here).await
    }

    pub async fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)]) -> Seen {
        let mut request = self
            .client
            .request(method, format!("http://{}{path}", self.at));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self
                .cookies
                .iter()
                .map(|(n, v)| format!("{n}={v}"))
                .collect();
            request = request.header(COOKIE, pairs.join("; "));
        }
        let response = request.send().await.unwrap();
        for cookie in response.headers().get_all(SET_COOKIE) {
            self.keep(cookie.to_str().unwrap());
        }
        Seen {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        }
    }

    pub fn keep(&mut self, cookie: &str) {
        let (pair, attributes) = cookie.split_once(';').unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        let has = |wanted: &str| attributes.split(';').any(|a| a.trim() == wanted);
        // What browsers ask of this prefix.
        assert!(name.starts_with("__Host-") && has("Secure") && has("Path=/"));
        assert!(!attributes.to_ascii_lowercase().contains("domain"));
        if has("Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    /// The only cookie.
    pub fn cookie(&self) -> (String, String) {
        assert_eq!(self.cookies.len(), 1);
        let (name, value) = self.cookies.iter().next().unwrap();
        (name.clone(), value.clone())
    }
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    pub fn location(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.body);
        self.header("location")
    }

    /// The heading.
    pub fn title(&self) -> &str {
        let (_, rest) = self.body.split_once("<h1 id=\"title\">").unwrap();
        assert!(!rest.contains("<h1"), "one heading");
        rest.split_once("</h1>").unwrap().0
    }

    /// A parameter of the address that it leads to.
    pub fn parameter(&self, name: &str) -> String {
        let url: Url = self.location().parse().unwrap();
        let mut values = url.query_pairs().filter(|(key, _)| key == name);
        let value = values.next().unwrap().1.into_owned();
        assert!(values.next().is_none());
        value
    }
}
