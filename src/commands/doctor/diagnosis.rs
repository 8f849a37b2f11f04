//! Explains what Zoom's answer means, in plain words. Pure.

use jiff::Timestamp;

use super::{
    examine::{Answer, Swap},
    manifest::Manifest,
    report::{CheckStatus, Report},
    source::Origin,
    values::Values,
};
use crate::{
    api::v1alpha1::{AppKind, ZoomIntegrationSpec},
    setup::{
        self, Facts,
        facts::Attempt,
        step::Mistake,
        warning::Warning,
        words::{self, Words},
    },
};
use contract::Language;
use zoom::{
    AccessToken, Error, Fault,
    scopes::{
        self,
        remedy::{self, Then},
    },
};

/// What is known about credentials.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The app that they are for.
    pub spec: &'a ZoomIntegrationSpec,
    /// Whether a manifest declares it.
    pub is_declared: bool,
    /// Where they come from.
    pub origin: &'a Origin,
    /// The values themselves.
    pub values: &'a Values,
    /// Zoom's answer.
    pub answer: &'a Answer,
    /// The address of Zoom.
    pub zoom: &'a str,
}

/// The findings about credentials.
#[must_use]
pub fn diagnose(case: &Case<'_>, now: Timestamp) -> Report {
    let kind = match case.spec.app.kind {
        AppKind::General => "General",
        AppKind::ServerToServer => "Server-to-Server",
        AppKind::WebhookOnly => "Webhook-only",
    };
    let zoom = case.zoom.trim_end_matches('/');
    let mut report = Report::on(format!(
        "Credentials of a {kind} app from {}, tried at {zoom}",
        case.origin
    ));
    values(case, &mut report);
    answer(case, &mut report);
    scopes(case, &mut report);
    secret_token(case, &mut report);
    report.warnings = warnings(case.spec, &facts(case), case.is_declared, now);
    report
}

/// The findings about a manifest without credentials.
#[must_use]
pub fn of_manifest(manifest: &Manifest, now: Timestamp) -> Report {
    let mut report = Report::on(format!("ZoomIntegration {}, as declared", manifest.name));
    report.add(
        "credentials",
        CheckStatus::Unknown,
        "Not checked: add --from-env, --from-file or --secret.",
    );
    let facts = Facts::default();
    let steps = setup::steps(&manifest.spec, &facts, now);
    let words = words::words(Language::English);
    let titles: Vec<&str> = steps
        .iter()
        .map(|step| (words.title)(step.id, step.kind))
        .collect();
    report.add(
        "setup",
        CheckStatus::Unknown,
        format!("{} steps in Zoom: {}.", steps.len(), titles.join("; ")),
    );
    // People do their part after the manifest is applied, but errors in it must be fixed before.
    let declared = steps.iter().flat_map(|step| &step.mistakes);
    for mistake in declared.filter(|mistake| is_declared(mistake)) {
        report.add("manifest", CheckStatus::ToDo, (words.mistake)(mistake));
    }
    report.warnings = warnings(&manifest.spec, &facts, true, now);
    report
}

/// Whether the manifest itself contains the mistake.
fn is_declared(mistake: &Mistake) -> bool {
    matches!(mistake, Mistake::OtherCallback { .. } | Mistake::NoHost)
}

/// Whether all required values exist, and none is used twice.
fn values(case: &Case<'_>, report: &mut Report) {
    let called = |key: &str| case.origin.called(key, case.spec);
    for key in &case.values.lacking {
        let called = called(key);
        let problem = if case.values.secret.unusable.contains(key) {
            "is empty or contains blanks: copy it again from"
        } else {
            "is missing: copy it from"
        };
        let text = format!("{called} {problem} the app's page in the Zoom App Marketplace.");
        report.add("values", CheckStatus::ToDo, text);
    }
    for (key, other) in &case.values.secret.same {
        let (key, other) = (called(key), called(other));
        let text = format!("{key} and {other} have the same value: one is wrong, probably {key}.");
        report.add("values", CheckStatus::ToDo, text);
    }
    if case.values.lacking.is_empty() && case.values.secret.same.is_empty() {
        report.add(
            "values",
            CheckStatus::Ok,
            "All required values are present.",
        );
    }
}

/// Whether Zoom accepts the credentials and issues a token.
fn answer(case: &Case<'_>, report: &mut Report) {
    match case.answer {
        // It has no credentials that Zoom could check.
        Answer::NotAsked if case.spec.is_webhook_only() => {}
        Answer::NotAsked => report.add(
            "pair",
            CheckStatus::Unknown,
            "Zoom was not asked, since values are missing.",
        ),
        Answer::Pair => {
            pair(report);
            report.add(
                "token",
                CheckStatus::Unknown,
                "Zoom gives a General app's token to a person who authorizes it.",
            );
        }
        Answer::Token(token) => {
            pair(report);
            let minutes = life(token);
            let whose = if case.spec.has_bot() {
                "the bot"
            } else {
                "the account"
            };
            let text = format!("Zoom gives a token for {whose}, for {minutes} minutes.");
            report.add("token", CheckStatus::Ok, text);
        }
        Answer::Swapped(swap) => {
            report.add("pair", CheckStatus::ToDo, swapped(*swap, case));
        }
        Answer::Failed(error) => failed(error, case, report),
    }
}

fn pair(report: &mut Report) {
    report.add(
        "pair",
        CheckStatus::Ok,
        "Zoom accepts this client id and client secret.",
    );
}

fn failed(error: &Error, case: &Case<'_>, report: &mut Report) {
    // If Zoom refuses for another reason that a person must fix, it knows the credentials.
    match error.fault {
        Fault::CredentialsRejected => report.add("pair", CheckStatus::ToDo, error.message()),
        Fault::WrongAppKind => report.add("kind", CheckStatus::ToDo, wrong_kind(error, case)),
        Fault::AccountRejected | Fault::AppDisabled | Fault::DisabledByAdmin | Fault::OwnerGone => {
            pair(report);
            report.add("token", CheckStatus::ToDo, error.message());
        }
        _ => {
            let zoom = case.zoom.trim_end_matches('/');
            let detail = &error.detail;
            let text = format!(
                "Zoom gave no clear answer ({detail}): try again. If this continues, check the network connection to {zoom}."
            );
            report.add("zoom", CheckStatus::ToDo, text);
        }
    }
}

fn wrong_kind(error: &Error, case: &Case<'_>) -> String {
    let words = words::words(Language::English);
    let mistake = (words.mistake)(&Mistake::WrongAppKind(case.spec.app.kind));
    format!("{mistake} ({})", error.detail)
}

fn swapped(swap: Swap, case: &Case<'_>) -> String {
    let keys = &case.spec.credentials;
    let called = |key: &str| case.origin.called(key, case.spec);
    let (id, secret) = (called(keys.client_id()), called(keys.client_secret()));
    match swap {
        Swap::ClientIdAndAccountId => {
            let account = called(keys.account_id());
            format!("{id} and {account} are swapped: Zoom accepts them the other way round.")
        }
        Swap::ClientIdAndSecret => {
            format!("{id} and {secret} are swapped: Zoom accepts them the other way round.")
        }
        Swap::SecretTokenForClientSecret => {
            let token = called(keys.webhook_secret_token());
            format!(
                "{secret} is wrong, and {token} contains the client secret: copy the Client Secret and the Secret Token again, each into its own place."
            )
        }
    }
}

/// Which of the declared scopes were granted.
fn scopes(case: &Case<'_>, report: &mut Report) {
    let required = &case.spec.own_scopes();
    let Answer::Token(token) = case.answer else {
        if matches!(case.answer, Answer::Pair) && !required.is_empty() {
            report.add(
                "scopes",
                CheckStatus::Unknown,
                "The granted scopes are known only after somebody has authorized the app.",
            );
        }
        return;
    };
    let optional = case.spec.scopes.optional.as_deref().unwrap_or_default();
    let found = scopes::compare(&token.scope, required, optional);
    if let Some(message) = remedy::message(&found, Then::Wait) {
        report.add("scopes", CheckStatus::ToDo, message);
    } else if required.is_empty() {
        let text = format!("Granted: {}.", found.granted.join(", "));
        report.add("scopes", CheckStatus::Ok, text);
    } else {
        report.add(
            "scopes",
            CheckStatus::Ok,
            "Every required scope is granted.",
        );
    }
    if !required.is_empty() && !found.excess.is_empty() {
        let text = format!("Granted and not asked for: {}.", found.excess.join(", "));
        report.add("scopes", CheckStatus::Ok, text);
    }
}

/// Checks the webhook secret token as far as possible: Zoom cannot check it.
fn secret_token(case: &Case<'_>, report: &mut Report) {
    if case.values.secret_token.is_none() || case.spec.webhook.is_none() {
        return;
    }
    report.add(
        "secret token",
        CheckStatus::Unknown,
        "Zoom cannot be asked for it: the first signed request proves it.",
    );
}

fn facts(case: &Case<'_>) -> Facts {
    let optional = case.spec.scopes.optional.as_deref().unwrap_or_default();
    Facts {
        secret: case.values.secret.clone(),
        credentials: match case.answer {
            Answer::NotAsked => Attempt::Untried,
            Answer::Pair | Answer::Token(_) => Attempt::Accepted(None),
            Answer::Failed(error) => Attempt::Failed(error.fault),
            Answer::Swapped(_) => Attempt::Failed(Fault::CredentialsRejected),
        },
        scopes: match case.answer {
            Answer::Token(token) => {
                let required = case.spec.own_scopes();
                Some(scopes::compare(&token.scope, &required, optional))
            }
            _ => None,
        },
        ..Facts::default()
    }
}

/// Risks. Without a manifest, only those that the credentials and scopes show.
fn warnings(
    spec: &ZoomIntegrationSpec,
    facts: &Facts,
    is_declared: bool,
    now: Timestamp,
) -> Vec<String> {
    let steps = setup::steps(spec, facts, now);
    let words: &Words = words::words(Language::English);
    setup::warnings(spec, facts, &steps)
        .iter()
        .filter(|warning| is_declared || !matches!(warning, Warning::Button(_)))
        .map(|warning| (words.warning)(warning))
        .collect()
}

/// The lifetime in minutes, rounded up.
fn life(token: &AccessToken) -> i64 {
    (token.expires_at.duration_since(token.issued_at).as_secs() + 59) / 60
}

#[cfg(test)]
mod tests;
