//! English.

use super::Words;
use crate::{
    api::v1alpha1::{AppKind, Environment},
    setup::{
        step::{Act, Caution, Evidence, Mistake, State, StepId},
        warning::Warning,
    },
};
use zoom::scopes::Covered;

pub(super) static WORDS: Words = Words {
    title,
    elsewhere,
    state: |state| match state {
        State::Done => "done",
        State::Open => "to do",
        State::Unknown => "not proved yet",
    },
    act: |act| match act {
        Act::Paste => "paste",
        Act::Choose => "choose",
        Act::Tick => "tick",
        Act::Copy => "copy into Secret/key",
        Act::Open => "open",
    },
    evidence,
    mistake,
    caution,
    warning,
    next: |title| format!("Next: {title}."),
    nothing: |unseen| match unseen {
        [] => "Nothing is left to do.".into(),
        _ => format!(
            "Nothing is left that the operator can see. See for yourself: {}.",
            unseen.join("; ")
        ),
    },
    unproved: |titles| format!("Not proved yet: {}.", titles.join("; ")),
    gap: " ",
};

fn title(id: StepId, kind: AppKind) -> &'static str {
    match (id, kind) {
        (StepId::CreateApp, AppKind::General) => "create the General app",
        (StepId::CreateApp, AppKind::ServerToServer) => "create the Server-to-Server OAuth app",
        (StepId::Credentials, _) => "copy the app's credentials into the Secret",
        (StepId::Redirect, _) => "paste the redirect URL and the allow list",
        (StepId::SecretToken, _) => "copy the Secret Token into the Secret",
        (StepId::Events, _) => "add the event subscription and its events",
        (StepId::Endpoint, _) => "paste the endpoint URL, press Validate, then Save",
        (StepId::Scopes, _) => "tick the scopes",
        (StepId::Information, _) => "fill in names, texts and links",
        (StepId::Deauthorization, _) => "paste the deauthorization endpoint URL",
        (StepId::TechnicalDesign, _) => "answer the questions on design and security",
        (StepId::BackEnd, _) => "enter client id and secret in the tenant's own back end",
        (StepId::Activate, _) => "activate the app",
        (StepId::Approval, _) => "have the account's administrator approve the app",
        (StepId::Install, _) => "open the installation link and allow the app",
        (StepId::Submit, _) => "submit the app for review",
    }
}

fn elsewhere(id: StepId) -> Option<&'static str> {
    match id {
        StepId::BackEnd => Some("the tenant's own back end"),
        StepId::Approval => Some("Zoom App Marketplace, by an administrator of the account"),
        StepId::Install => Some("a browser in which the right Zoom user is signed in"),
        _ => None,
    }
}

fn evidence(evidence: &Evidence) -> String {
    match evidence {
        Evidence::CredentialsAccepted => "Zoom's token endpoint takes the credentials.".into(),
        Evidence::Consent => "Somebody's authorization goes through.".into(),
        Evidence::Validation => "Zoom's signed URL validation is answered.".into(),
        Evidence::Signature => "A request of Zoom's is signed with it.".into(),
        Evidence::Events { declared, unseen } if unseen.is_empty() => {
            format!("Every declared event type was seen ({declared}).")
        }
        Evidence::Events { declared, unseen } => format!(
            "Seen {} of {declared} declared event types; not yet: {}.",
            declared - unseen.len(),
            unseen.join(", ")
        ),
        Evidence::TokenScopes => "Zoom's token names them.".into(),
        Evidence::Token => "Zoom gives a token.".into(),
        Evidence::Connections { connected, total } => {
            format!("{connected} of {total} connections are connected.")
        }
        Evidence::FirstEvent => "The first signed event of the app arrives.".into(),
        Evidence::Removal => "Seen only once somebody removes the app.".into(),
        Evidence::None => "The operator cannot see it.".into(),
    }
}

fn environment(environment: Environment) -> &'static str {
    match environment {
        Environment::Production => "Production",
        Environment::Development => "Development",
    }
}

fn mistake(mistake: &Mistake) -> String {
    match mistake {
        Mistake::NoSecret(secret) => format!("The Secret {secret} does not exist."),
        Mistake::NoKey { secret, key } => format!("The Secret {secret} has no key {key}."),
        Mistake::BadKey { secret, key } => {
            format!("Key {key} of the Secret {secret} is empty or no printable text: copy it again.")
        }
        Mistake::SameValue { key, other } => {
            format!("Keys {key} and {other} hold the same value: one was copied twice.")
        }
        Mistake::CredentialsRejected(Environment::Production) => {
            "Zoom refuses client id and secret as a pair: copy both from the Production tab; those of the Development tab do not fit a production app.".into()
        }
        Mistake::CredentialsRejected(Environment::Development) => {
            "Zoom refuses client id and secret as a pair: copy both from the Development tab.".into()
        }
        Mistake::WrongAppKind(AppKind::ServerToServer) => {
            "The credentials are those of another kind of app: create a Server-to-Server OAuth App.".into()
        }
        Mistake::WrongAppKind(AppKind::General) => {
            "The credentials are those of another kind of app: create a General App.".into()
        }
        Mistake::AccountOrActivation => {
            "Zoom refuses the account: activate the app, and compare the Account ID.".into()
        }
        Mistake::AppDisabled => "The app is switched off in Zoom: activate it again.".into(),
        Mistake::DisabledByAdmin => "The account's administrator does not allow the app.".into(),
        Mistake::OwnerGone => {
            "The Zoom user who owned it no longer exists: another user has to take over.".into()
        }
        Mistake::RedirectMismatch(url) => format!(
            "Zoom answers 4700 or 4709: another redirect URL was pasted. It must be {url} to the letter, also in the allow list."
        ),
        Mistake::OtherCallback { declared, callback } => format!(
            "spec.oauth.redirectUrl says {declared}, but the operator's callback is {callback}: correct or remove it."
        ),
        Mistake::WrongSecretToken { secret, key } => format!(
            "A request came whose signature does not match Secret {secret}, key {key}: copy the app's Secret Token again, not the Client Secret and not the Verification Token."
        ),
        Mistake::Stale(at) => format!(
            "The last URL validation was answered at {at}, more than 72 hours ago: Zoom stops sending after six failures. Press Validate again."
        ),
        Mistake::Unreachable(why) => {
            format!("{why} If it works from the internet, press Validate all the same.")
        }
        Mistake::ReceiverDown => "Wait before pressing Validate: the receiver takes no requests yet.".into(),
        Mistake::NoHost => {
            "The endpoint has no public name: set spec.webhook.endpoint.host.".into()
        }
        Mistake::HostWithheld => {
            "Paste nothing yet: the public name of the endpoint is another integration's, or not allowed here. The condition Ready says which.".into()
        }
        Mistake::MissingScopes { scopes, kind } => format!(
            "Not granted: {}. {}",
            scopes
                .iter()
                .map(|scope| zoom::scopes::remedy::tick(scope))
                .collect::<Vec<_>>()
                .join(", "),
            match kind {
                AppKind::General => "Tick them, and have the app authorized again: a token that is only refreshed does not have them.",
                AppKind::ServerToServer => "Tick them; the next token has them.",
            }
        ),
        Mistake::OtherNames(covered) => {
            let sentences: Vec<String> = covered.iter().map(Covered::message).collect();
            sentences.join(" ")
        }
        Mistake::NoConnection => {
            "Nobody is named who could: create a ZoomConnection for each person, or allow self service.".into()
        }
        Mistake::GrantLost(names) => format!(
            "The authorization is lost and has to be given again: {}.",
            names.join(", ")
        ),
    }
}

fn caution(caution: Caution) -> &'static str {
    match caution {
        Caution::ChangeNow => {
            "Do not press \"Change Now\" on the activation page: this app stays private, and that cannot be undone."
        }
        Caution::AddInMarketplace => {
            "Do not use \"Add App\" in the Marketplace: it starts without the state that the back end needs. Start with the installation link, or in the back end."
        }
        Caution::VerificationToken => {
            "Copy the Secret Token. The Verification Token beside it is of no use since June 2025."
        }
        Caution::TwoPairs(Environment::Production) => {
            "There are two pairs. This app needs the one of the Production tab."
        }
        Caution::TwoPairs(Environment::Development) => {
            "There are two pairs. This app needs the one of the Development tab."
        }
        Caution::FailedValidation => {
            "\"URL validation failed\" is not to be ignored: without it no event comes."
        }
        Caution::NoEvents => "Leave Event Subscriptions off: no event is declared.",
    }
}

fn warning(warning: &Warning) -> String {
    match warning {
        Warning::LegacyVerificationToken(key) => format!(
            "Key {key} looks like Zoom's Verification Token, which is switched off since June 2025: remove it, and copy the Secret Token."
        ),
        Warning::HttpRedirect(url) => format!(
            "{url} is not encrypted, so that anybody on the way can take the authorization: use https."
        ),
        Warning::DevelopmentCredentials => {
            "Zoom refuses the credentials of this production app. Credentials of the Development tab are the commonest reason.".into()
        }
        Warning::DevelopmentOnly => format!(
            "{} credentials work for users of the developer's own account only, but the app is to be published: set app.environment: {} in another ZoomIntegration.",
            environment(Environment::Development),
            environment(Environment::Production)
        ),
        Warning::PreviousSecretToken => {
            "Zoom still signs with the previous Secret Token: keep previous-webhook-secret-token until that ends.".into()
        }
        Warning::Scopes(warning) => warning.message(),
        Warning::Button(button) => caution(*button).into(),
    }
}
