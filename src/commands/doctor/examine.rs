//! Asks Zoom about credentials, with a handful of requests at most. They change nothing at Zoom, except that
//! a Server-to-Server app gets one more token, which is discarded.

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::values::Values;
use zoom::{AccessToken, App, Client, Error, Fault};

/// Zoom's answer.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Zoom was not asked: something is missing.
    NotAsked,
    /// Client id and secret are a pair.
    Pair,
    /// Zoom issued a token.
    Token(AccessToken),
    /// Zoom refuses, or could not be reached.
    Failed(Error),
    /// Zoom refuses, but accepts the same values in another order.
    Swapped(Swap),
}

/// Two values that are swapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// Client id and account id.
    ClientIdAndAccountId,
    /// Client id and client secret.
    ClientIdAndSecret,
    /// The webhook secret token is in the place of the client secret.
    SecretTokenForClientSecret,
}

/// Asks Zoom about credentials. If Zoom refuses them, also tries the orders in which people mix them up.
pub async fn ask(zoom: &Client, values: &Values) -> Answer {
    let answer = once(zoom, values).await;
    let Answer::Failed(error) = &answer else {
        return answer;
    };
    if error.fault != Fault::CredentialsRejected {
        return answer;
    }
    for (swap, values) in swaps(values) {
        match once(zoom, &values).await {
            // Whatever other reason Zoom has, they are a pair.
            Answer::Failed(error) if error.fault.class() == zoom::Class::Time => break,
            Answer::Failed(error) if error.fault == Fault::CredentialsRejected => {}
            _ => return Answer::Swapped(swap),
        }
    }
    answer
}

async fn once(zoom: &Client, values: &Values) -> Answer {
    let now = Timestamp::now();
    if values.is_server_to_server {
        let Some(credentials) = values.server_to_server() else {
            return Answer::NotAsked;
        };
        let answer = zoom.account_credentials(&credentials, now).await;
        return answer.map_or_else(Answer::Failed, Answer::Token);
    }
    let Some(app) = &values.app else {
        return Answer::NotAsked;
    };
    if values.has_bot {
        let answer = zoom.client_credentials(app, now).await;
        return answer.map_or_else(Answer::Failed, Answer::Token);
    }
    let answer = zoom.check(app, now).await;
    answer.map_or_else(Answer::Failed, |()| Answer::Pair)
}

/// The same values in the orders in which people mix them up. A secret is tried as an id only if it is
/// shorter than the given id, because Zoom's ids are shorter than its secrets: ids are logged and stored more
/// often.
fn swaps(values: &Values) -> Vec<(Swap, Values)> {
    let Some(app) = &values.app else {
        return Vec::new();
    };
    let with = |app: App, account_id: Option<String>| Values {
        app: Some(app),
        account_id,
        ..values.clone()
    };
    let mut found = Vec::new();
    if let Some(account) = values
        .account_id
        .as_ref()
        .filter(|id| **id != app.client_id)
    {
        let other = App {
            client_id: account.clone(),
            ..app.clone()
        };
        let values = with(other, Some(app.client_id.clone()));
        found.push((Swap::ClientIdAndAccountId, values));
    }
    let secret = app.client_secret.expose_secret();
    if secret.len() < app.client_id.len() {
        let other = App {
            client_id: secret.to_owned(),
            client_secret: app.client_id.clone().into(),
        };
        found.push((
            Swap::ClientIdAndSecret,
            with(other, values.account_id.clone()),
        ));
    }
    let token = values
        .secret_token
        .as_ref()
        .map(SecretString::expose_secret);
    if let Some(token) = token.filter(|token| *token != secret) {
        let other = App {
            client_secret: token.to_owned().into(),
            ..app.clone()
        };
        found.push((
            Swap::SecretTokenForClientSecret,
            with(other, values.account_id.clone()),
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(id: &str, secret: &str, account: Option<&str>, token: Option<&str>) -> Values {
        Values {
            app: Some(App {
                client_id: id.into(),
                client_secret: secret.to_owned().into(),
            }),
            account_id: account.map(Into::into),
            secret_token: token.map(|token| token.to_owned().into()),
            is_server_to_server: account.is_some(),
            ..Values::default()
        }
    }

    #[test]
    fn a_secret_is_no_id_unless_it_looks_like_one() {
        let tried = |values: Values| {
            let swaps = swaps(&values);
            swaps.into_iter().map(|(swap, _)| swap).collect::<Vec<_>>()
        };
        assert_eq!(tried(values("id", "secret", None, None)), []);
        assert_eq!(
            tried(values("secret", "id", None, None)),
            [Swap::ClientIdAndSecret]
        );
        assert_eq!(
            tried(values("id", "secret", Some("account"), Some("token"))),
            [Swap::ClientIdAndAccountId, Swap::SecretTokenForClientSecret]
        );
        assert_eq!(
            tried(values("id", "secret", Some("id"), Some("secret"))),
            []
        );
        assert_eq!(tried(Values::default()), []);
    }
}
