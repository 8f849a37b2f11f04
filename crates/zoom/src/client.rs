//! The HTTP client for Zoom: the token endpoint, revocation, and who a token belongs to.

use std::{
    sync::{PoisonError, RwLock},
    time::Duration,
};

use jiff::Timestamp;
use reqwest::{ClientBuilder, RequestBuilder, header};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::timeout;
use url::Url;

use runtime::outgoing::{Trust, client_builder};

use super::{
    AccessToken, Endpoints, Error, Fault, Request, Tokens, check,
    identity::{self, Identity},
    retry_after,
    token::trusted,
    transport::{connections, read, unreachable},
};

/// Time for a whole request.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Time to read what arrived while the process slept for longer than a request may take. Short, since a leader
/// has to outlast this too.
const MOMENT: Duration = Duration::from_millis(250);

/// Longer than any limit: the HTTP client keeps none.
const NO_LIMIT: Duration = Duration::from_hours(24);

/// The credentials of an app.
#[derive(Clone, Debug)]
pub struct App {
    /// Client id; public.
    pub client_id: String,
    /// Client secret.
    pub client_secret: SecretString,
}

/// The credentials of a Server-to-Server app.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Client id and secret.
    pub app: App,
    /// The account that the app belongs to.
    pub account_id: String,
}

/// A client for Zoom.
#[derive(Debug)]
pub struct Client {
    http: RwLock<reqwest::Client>,
    timeout: Duration,
    /// Time for a request that spends something.
    spending_limit: Duration,
    endpoints: Endpoints,
}

// === impl Client ===

impl Client {
    /// A client that reaches these endpoints by itself and follows no redirects, with bounded times.
    ///
    /// # Errors
    /// When no TLS provider is installed in the process.
    pub fn new(endpoints: Endpoints) -> Result<Self, reqwest::Error> {
        Self::with_timeout(endpoints, TIMEOUT)
    }

    /// The same by another way out, for example a proxy.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn through(endpoints: Endpoints, way: ClientBuilder) -> Result<Self, reqwest::Error> {
        Self::build(endpoints, way, TIMEOUT)
    }

    /// The same with less time for requests that spend something: a leader must outlast them.
    #[must_use]
    pub fn with_spending_limit(self, limit: Duration) -> Self {
        Self {
            spending_limit: limit.min(self.spending_limit),
            ..self
        }
    }

    /// The same with `timeout` for a whole request.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn with_timeout(endpoints: Endpoints, timeout: Duration) -> Result<Self, reqwest::Error> {
        Self::build(endpoints, client_builder(Trust::PublicRoots), timeout)
    }

    fn build(
        endpoints: Endpoints,
        way: ClientBuilder,
        timeout: Duration,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            http: RwLock::new(connections(way, timeout)?),
            timeout,
            spending_limit: timeout,
            endpoints,
        })
    }

    /// Takes another way out from the next request on, for example with other authorities.
    ///
    /// # Errors
    /// As [`Client::new`]; the way out stays.
    pub fn reroute(&self, way: ClientBuilder) -> Result<(), reqwest::Error> {
        let http = connections(way, self.timeout)?;
        *self.http.write().unwrap_or_else(PoisonError::into_inner) = http;
        Ok(())
    }

    fn http(&self) -> reqwest::Client {
        let http = self.http.read().unwrap_or_else(PoisonError::into_inner);
        http.clone()
    }

    /// The longest time that a request takes which spends something.
    #[must_use]
    pub fn spending_limit(&self) -> Duration {
        self.spending_limit
    }

    /// Where this client believes Zoom to be.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Requests a Server-to-Server token (`grant_type=account_credentials`).
    ///
    /// # Errors
    /// As classified by [`Error::from_answer`]; transport failures are [`Fault::Unreachable`].
    pub async fn account_credentials(
        &self,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<AccessToken, Error> {
        let form = [
            ("grant_type", "account_credentials"),
            ("account_id", &credentials.account_id),
        ];
        let answer = self.request(&credentials.app, &form, now).await;
        let body = answer.map_err(|error| error.as_answer_to(Request::AccountToken))?;
        AccessToken::from_answer(&body, now, &self.endpoints.api)
    }

    /// Requests the token of a Team Chat bot (`grant_type=client_credentials`).
    ///
    /// # Errors
    /// As [`Client::account_credentials`].
    pub async fn client_credentials(
        &self,
        app: &App,
        now: Timestamp,
    ) -> Result<AccessToken, Error> {
        let form = [("grant_type", "client_credentials")];
        let answer = self.request(app, &form, now).await;
        let body = answer.map_err(|error| error.as_answer_to(Request::BotToken))?;
        AccessToken::from_answer(&body, now, &self.endpoints.api)
    }

    /// Asks whether Zoom takes the credentials of a General app. Nothing is spent.
    ///
    /// # Errors
    /// As [`check::judge`].
    pub async fn check(&self, app: &App, now: Timestamp) -> Result<(), Error> {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", check::MADE_UP),
        ];
        let answer = self.request(app, &form, now).await;
        check::judge(answer.map_err(|error| error.as_answer_to(Request::Check)))
    }

    /// Exchanges an authorization code, once (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
    ///
    /// # Errors
    /// As [`Client::account_credentials`].
    pub async fn authorization_code(
        &self,
        app: &App,
        code: &SecretString,
        code_verifier: &SecretString,
        redirect_url: &str,
        now: Timestamp,
    ) -> Result<Tokens, Error> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("code_verifier", code_verifier.expose_secret()),
            ("redirect_uri", redirect_url),
        ];
        let body = self.spend(app, &form, now).await.map_err(|error| {
            let error = error
                .as_answer_to(Request::Code)
                .without(code.expose_secret());
            error.without(code_verifier.expose_secret())
        })?;
        Tokens::from_answer(&body, now, &self.endpoints.api)
    }

    /// Exchanges a refresh token, which is dead afterwards (RFC 6749 section 6, with rotation).
    ///
    /// # Errors
    /// As [`Client::account_credentials`].
    pub async fn refresh_token(
        &self,
        app: &App,
        refresh_token: &SecretString,
        now: Timestamp,
    ) -> Result<Tokens, Error> {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose_secret()),
        ];
        let body = self.spend(app, &form, now).await.map_err(|error| {
            let error = error.as_answer_to(Request::Refresh);
            error.without(refresh_token.expose_secret())
        })?;
        Tokens::from_answer(&body, now, &self.endpoints.api)
    }

    /// Revokes an access token with the grant that it belongs to: Zoom removes the app for that user.
    ///
    /// # Errors
    /// As [`Client::account_credentials`].
    pub async fn revoke(&self, app: &App, access_token: &SecretString) -> Result<(), Error> {
        let form = [("token", access_token.expose_secret())];
        let request = self.authenticated(self.endpoints.revoke(), app).form(&form);
        let answer = self.answer(request, Timestamp::now()).await.map(drop);
        answer.map_err(|error| {
            let error = error.as_answer_to(Request::Revoke);
            error.without(access_token.expose_secret())
        })
    }

    /// Asks who an access token belongs to (`GET /users/me`). `None` when its scopes do not allow to ask.
    ///
    /// # Errors
    /// As [`Client::account_credentials`].
    pub async fn me(
        &self,
        access_token: &SecretString,
        api_url: &str,
    ) -> Result<Option<Identity>, Error> {
        let request = self
            .http()
            .get(format!(
                "{}/v2/users/me",
                self.api_url(api_url).as_str().trim_end_matches('/')
            ))
            .bearer_auth(access_token.expose_secret());
        let (status, body, wait) = self.send(request, Timestamp::now()).await?;
        identity::from_answer(status, &body, wait).map_err(|error| {
            error
                .as_answer_to(Request::Identity)
                .without(access_token.expose_secret())
        })
    }

    /// Reads `path` of Zoom's API with an access token, which shows that it can be used.
    ///
    /// # Errors
    /// What Zoom or the network says. See [`Error::tells_nothing`].
    pub async fn probe(
        &self,
        access_token: &SecretString,
        api_url: &Url,
        path: &str,
    ) -> Result<(), Error> {
        let host = self.api_url(api_url.as_str());
        let url = format!("{}/v2{path}", host.as_str().trim_end_matches('/'));
        let secret = access_token.expose_secret();
        let request = self.http().get(url).bearer_auth(secret);
        let (status, body, wait) = self.send(request, Timestamp::now()).await?;
        if (200..300).contains(&status) {
            return Ok(());
        }
        Err(Error::from_answer(status, &body, wait).without(secret))
    }

    /// The API host that was stored with a token, if it is one of Zoom's; else the configured one. What is
    /// stored may have been changed since, and a token goes to nobody else.
    #[must_use]
    pub fn api_url(&self, stored: &str) -> Url {
        trusted(stored, &self.endpoints.api).unwrap_or_else(|| self.endpoints.api.clone())
    }

    async fn request(
        &self,
        app: &App,
        form: &[(&str, &str)],
        now: Timestamp,
    ) -> Result<Vec<u8>, Error> {
        // The form body: parameters in the query fail for some, JSON always.
        let request = self.authenticated(self.endpoints.token(), app).form(form);
        self.answer(request, now).await
    }

    async fn spend(
        &self,
        app: &App,
        form: &[(&str, &str)],
        now: Timestamp,
    ) -> Result<Vec<u8>, Error> {
        let request = self.authenticated(self.endpoints.token(), app).form(form);
        // The HTTP client would look at the clock before it looks at the socket: on waking up from a sleep, it would
        // drop a reply that nobody can get again.
        let mut answer = std::pin::pin!(self.answer(request.timeout(NO_LIMIT), now));
        if let Ok(answer) = timeout(self.spending_limit, &mut answer).await {
            return answer;
        }
        timeout(MOMENT, answer).await.unwrap_or_else(|_| {
            Err(Error::new(Fault::Unreachable, "timed out: no answer in time").ambiguous())
        })
    }

    fn authenticated(&self, url: String, app: &App) -> RequestBuilder {
        self.http()
            .post(url)
            .basic_auth(&app.client_id, Some(app.client_secret.expose_secret()))
    }

    async fn answer(&self, request: RequestBuilder, now: Timestamp) -> Result<Vec<u8>, Error> {
        let (status, body, wait) = self.send(request, now).await?;
        if status == 200 {
            Ok(body)
        } else {
            Err(Error::from_answer(status, &body, wait))
        }
    }

    async fn send(
        &self,
        request: RequestBuilder,
        now: Timestamp,
    ) -> Result<(u16, Vec<u8>, Option<Duration>), Error> {
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let wait = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| retry_after::parse(value.to_str().ok()?, now));
        tracing::debug!(
            status,
            tracking_id = response
                .headers()
                .get("x-zm-trackingid")
                .and_then(|id| id.to_str().ok()),
            "zoom answered"
        );
        Ok((status, read(response).await?, wait))
    }
}
