//! The way out to Zoom: direct or through a proxy, and which certificate authorities are trusted.

use std::{
    convert::Infallible,
    fmt, fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    path::{Path, PathBuf},
};

use reqwest::{Certificate, ClientBuilder, NoProxy, Proxy};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{Trust, client_builder};

/// How requests leave the network. Only for hosts that the operator's configuration names, never for
/// those that a tenant names: a proxy hides which address is connected to.
#[derive(Clone, Default, clap::Args)]
pub struct Egress {
    /// Proxy for https requests to Zoom, `http://HOST:PORT`. It must accept CONNECT.
    #[arg(long, env = "HTTPS_PROXY", hide_env_values = true, value_name = "URL", value_parser = unjudged)]
    pub https_proxy: Option<SecretString>,

    /// File with the URL of the proxy for https requests, instead of the URL. A change of the file takes effect
    /// without a restart.
    #[arg(long, env = "HTTPS_PROXY_FILE", value_name = "FILE")]
    pub https_proxy_file: Option<PathBuf>,

    /// Proxy for requests to Zoom without TLS. For tests only.
    #[arg(long, env = "HTTP_PROXY", hide_env_values = true, value_name = "URL", value_parser = unjudged)]
    pub http_proxy: Option<SecretString>,

    /// Hosts, domains, addresses and networks that are reached without the proxy, separated by commas.
    #[arg(long, env = "NO_PROXY", value_name = "LIST")]
    pub no_proxy: Option<String>,

    /// PEM file with certificate authorities that are trusted for Zoom's hosts besides the public ones.
    #[arg(long, env = "CA_BUNDLE", value_name = "FILE")]
    pub ca_bundle: Option<PathBuf>,
}

/// Why there is no way out.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The file of authorities cannot be read.
    #[error("failed to read the CA bundle {0}")]
    Read(PathBuf, #[source] io::Error),
    /// It has no certificate, or one that cannot be read.
    #[error("the CA bundle {0} is not a list of PEM certificates")]
    Malformed(PathBuf),
    /// The file with the proxy's URL cannot be read.
    #[error("failed to read the proxy's URL in {0}")]
    ReadProxy(PathBuf, #[source] io::Error),
    /// The proxy's URL cannot be used.
    #[error("--{0} must be a URL such as http://proxy.example.com:3128")]
    Proxy(&'static str),
}

// === impl Egress ===

impl Egress {
    /// A client builder with this way out. Otherwise as [`client_builder`].
    ///
    /// # Errors
    /// See [`EgressError`].
    pub fn client_builder(&self) -> Result<ClientBuilder, EgressError> {
        let trust = match self.bundle() {
            Some(path) => Trust::PublicRootsAnd(certificates(path)?),
            None => Trust::PublicRoots,
        };
        let mut builder = client_builder(trust);
        let in_file = self.proxy_file().map(proxy_in).transpose()?;
        let https_proxy = in_file.as_ref().or(self.https_proxy.as_ref());
        let proxies = [
            ("https-proxy", https_proxy, Proxy::https as fn(Url) -> _),
            ("http-proxy", self.http_proxy.as_ref(), Proxy::http),
        ];
        let list = self.no_proxy.as_deref().unwrap_or_default();
        // The library means names only by it.
        let is_always_direct = list.split(',').any(|entry| entry.trim() == "*");
        for (flag, url, proxy) in proxies {
            let Some(url) = proxy_url(flag, url)? else {
                continue;
            };
            if is_always_direct {
                continue;
            }
            let proxy = proxy(url).map_err(|_| EgressError::Proxy(flag))?;
            builder = builder.proxy(proxy.no_proxy(NoProxy::from_string(list)));
        }
        Ok(builder)
    }

    /// The file of authorities.
    #[must_use]
    pub fn bundle(&self) -> Option<&Path> {
        named(self.ca_bundle.as_deref())
    }

    /// The file with the proxy's URL.
    #[must_use]
    pub fn proxy_file(&self) -> Option<&Path> {
        named(self.https_proxy_file.as_deref())
    }

    /// The client builder, if the files are not as they were `known`, which is a digest of them.
    ///
    /// # Errors
    /// See [`EgressError`]; once for each content of the files.
    pub fn renewed(&self, known: &mut Option<u64>) -> Result<Option<ClientBuilder>, EgressError> {
        let files = [self.bundle(), self.proxy_file()];
        if files.iter().all(Option::is_none) {
            return Ok(None);
        }
        let mut digest = DefaultHasher::new();
        for path in files.into_iter().flatten() {
            fs::read(path).unwrap_or_default().hash(&mut digest);
        }
        let now = Some(digest.finish());
        if *known == now {
            return Ok(None);
        }
        *known = now;
        self.client_builder().map(Some)
    }
}

/// Without the proxies' URLs, which may carry a password.
impl fmt::Debug for Egress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_set = |url: &Option<SecretString>| {
            url.as_ref()
                .is_some_and(|url| !url.expose_secret().is_empty())
        };
        formatter
            .debug_struct("Egress")
            .field("https_proxy", &is_set(&self.https_proxy))
            .field("https_proxy_file", &self.https_proxy_file)
            .field("http_proxy", &is_set(&self.http_proxy))
            .field("no_proxy", &self.no_proxy)
            .field("ca_bundle", &self.ca_bundle)
            .finish()
    }
}

/// An empty variable names no file.
fn named(path: Option<&Path>) -> Option<&Path> {
    path.filter(|path| !path.as_os_str().is_empty())
}

fn proxy_in(path: &Path) -> Result<SecretString, EgressError> {
    let text = fs::read_to_string(path);
    text.map(SecretString::from)
        .map_err(|error| EgressError::ReadProxy(path.to_owned(), error))
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, EgressError> {
    let pem = fs::read(path).map_err(|error| EgressError::Read(path.to_owned(), error))?;
    let malformed = || EgressError::Malformed(path.to_owned());
    let mut store = RootCertStore::empty();
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| malformed())?;
        found.push(Certificate::from_der(&certificate).map_err(|_| malformed())?);
        // Only this looks inside.
        store.add(certificate).map_err(|_| malformed())?;
    }
    if found.is_empty() {
        return Err(malformed());
    }
    Ok(found)
}

/// Judged later: clap would print what it refuses, password included.
#[expect(clippy::unnecessary_wraps, reason = "clap wants a Result")]
fn unjudged(text: &str) -> Result<SecretString, Infallible> {
    Ok(text.into())
}

/// A proxy's URL; `HOST:PORT` means http. Empty means none, as an empty variable does.
fn proxy_url(flag: &'static str, text: Option<&SecretString>) -> Result<Option<Url>, EgressError> {
    let text = text.map_or("", |text| text.expose_secret().trim());
    if text.is_empty() {
        return Ok(None);
    }
    let url = if text.contains("://") {
        Url::parse(text)
    } else {
        Url::parse(&format!("http://{text}"))
    };
    match url {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(Some(url)),
        _ => Err(EgressError::Proxy(flag)),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        egress: Egress,
    }

    fn parsed(flags: &[&str]) -> Result<Egress, String> {
        Cli::try_parse_from([&["x"], flags].concat())
            .map(|cli| cli.egress)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_proxy_is_a_url_or_a_host_with_port() {
        for (given, meant) in [
            (
                "http://proxy.example.com:3128",
                "http://proxy.example.com:3128/",
            ),
            ("proxy.example.com:3128", "http://proxy.example.com:3128/"),
            (" https://u:p@proxy:8443 ", "https://u:p@proxy:8443/"),
        ] {
            let url = proxy_url("https-proxy", Some(&given.into())).unwrap();
            let url = url.unwrap();
            assert_eq!(url.as_str(), meant);
        }
        assert!(proxy_url("x", None).unwrap().is_none());
        assert!(proxy_url("x", Some(&"".into())).unwrap().is_none());
        for wrong in ["socks5://proxy:1080", "http://", "ftp://x", "a b"] {
            assert!(proxy_url("x", Some(&wrong.into())).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_password_is_printed_nowhere() {
        for url in [
            "http://user:hunter2@proxy:3128",
            "socks5://user:hunter2@proxy",
        ] {
            let egress = parsed(&["--https-proxy", url]).unwrap();
            let printed = format!("{egress:?} {:?}", egress.client_builder().map(|_| ()));
            assert!(!printed.contains("hunter2"), "{printed}");
        }
        let wrong = parsed(&["--http-proxy=socks5://proxy"]).unwrap();
        let message = wrong.client_builder().map(|_| ()).unwrap_err().to_string();
        assert!(
            message.starts_with("--http-proxy must be a URL"),
            "{message}"
        );
    }

    #[test]
    fn a_bundle_that_is_none_says_which() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.crt");
        let egress = parsed(&["--ca-bundle", path.to_str().unwrap()]).unwrap();
        let refused = || egress.client_builder().map(|_| ()).unwrap_err().to_string();
        assert!(refused().starts_with("failed to read the CA bundle "));
        for text in [
            "",
            "no certificate",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            fs::write(&path, text).unwrap();
            assert!(
                refused().ends_with("is not a list of PEM certificates"),
                "{text}"
            );
        }
    }
}
