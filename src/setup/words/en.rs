//! English.

use super::model::Words;
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
        State::Unknown => "not confirmed yet",
    },
    act: |act| match act {
        Act::Paste => "paste",
        Act::Choose => "choose",
        Act::Tick => "tick",
        Act::Copy => "copy",
        Act::Open => "open",
    },
    target: |kind, name, key| format!("to {kind} {name}, key {key}"),
    evidence,
    mistake,
    caution,
    warning,
    next: |title| format!("Next: {title}."),
    nothing: |unseen| match unseen {
        [] => "Nothing is left to do.".into(),
        _ => format!(
            "The operator has no open step. It cannot check these, please check them yourself: {}.",
            unseen.join("; ")
        ),
    },
    unproved: |titles| format!("Not confirmed yet: {}.", titles.join("; ")),
    gap: " ",
};

fn title(id: StepId, kind: AppKind) -> &'static str {
    match (id, kind) {
        (StepId::CreateApp, AppKind::General) => "create the General app",
        (StepId::CreateApp, AppKind::ServerToServer) => "create the Server-to-Server OAuth app",
        (StepId::CreateApp, AppKind::WebhookOnly) => "create the Webhook Only app",
        (StepId::Credentials, _) => "copy the app's credentials into the Secret",
        (StepId::Redirect, _) => "paste the redirect URL and the allow list",
        (StepId::Chatbot, _) => "turn on Team Chat and paste the bot's endpoint URL",
        (StepId::SecretToken, _) => "copy the Secret Token into the Secret",
        (StepId::Events, _) => "add the event subscription and its events",
        (StepId::Endpoint, _) => "paste the endpoint URL, press Validate, then Save",
        (StepId::Scopes, _) => "tick the scopes",
        (StepId::Information, _) => "fill in names, texts and links",
        (StepId::Deauthorization, _) => "paste the deauthorization endpoint URL",
        (StepId::TechnicalDesign, _) => "answer the questions on design and security",
        (StepId::BackEnd, _) => "enter client id and client secret in the tenant's own back end",
        (StepId::Activate, _) => "activate the app",
        (StepId::Approval, _) => "ask the Zoom administrator of the account to approve the app",
        (StepId::Install, _) => "open the installation link and authorize the app",
        (StepId::DomainValidation, _) => "have Zoom validate the domains of the app",
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
        Evidence::CredentialsAccepted => "Zoom's token endpoint accepts the credentials.".into(),
        Evidence::Consent => "An authorization succeeds.".into(),
        Evidence::Validation => "The receiver answers Zoom's signed URL validation.".into(),
        Evidence::Signature => "A request from Zoom is signed with it.".into(),
        Evidence::Events { declared, unseen } if unseen.is_empty() => {
            format!("Every declared event type was seen ({declared}).")
        }
        Evidence::Events { declared, unseen } => format!(
            "Seen {} of {declared} declared event types; not yet: {}.",
            declared - unseen.len(),
            unseen.join(", ")
        ),
        Evidence::TokenScopes => "Zoom's token contains them.".into(),
        Evidence::Token => "Zoom issues a token.".into(),
        Evidence::Connections { total: 0, .. } => {
            "A ZoomConnection is connected. No ZoomConnection exists yet.".into()
        }
        Evidence::Connections { connected, total } => {
            format!("{connected} of {total} connections are connected.")
        }
        Evidence::FirstEvent => "The first signed event of the app arrives.".into(),
        Evidence::Removal => "Zoom notifies the receiver when somebody removes the app.".into(),
        Evidence::None => "None: the operator cannot check this step.".into(),
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
            format!("Key {key} of the Secret {secret} cannot be used: it is empty, not printable text, in quotes, contains a blank, or is base64-encoded twice. Copy the plain value again.")
        }
        Mistake::SameValue { key, other } => {
            format!("Keys {key} and {other} have the same value: one of them is wrong. Copy both again.")
        }
        Mistake::CredentialsRejected(Environment::Production) => {
            "Zoom refuses this pair of client id and client secret: copy both from the Production tab. Those of the Development tab do not work for a production app.".into()
        }
        Mistake::CredentialsRejected(Environment::Development) => {
            "Zoom refuses this pair of client id and client secret: copy both from the Development tab.".into()
        }
        Mistake::WrongAppKind(kind) => format!(
            "The credentials belong to another kind of app: create a {}.",
            match kind {
                AppKind::General => "General App",
                AppKind::ServerToServer => "Server-to-Server OAuth App",
                AppKind::WebhookOnly => "Webhook Only app",
            }
        ),
        Mistake::AccountOrActivation => {
            "Zoom refuses the account: activate the app, and compare the Account ID in Zoom with the account id in the credentials Secret.".into()
        }
        Mistake::AppDisabled => "The app is switched off in Zoom: activate it again.".into(),
        Mistake::DisabledByAdmin => "The Zoom administrator of the account does not allow the app.".into(),
        Mistake::OwnerGone => {
            "The Zoom user who owned the app no longer exists: in Zoom, move the app to another user.".into()
        }
        Mistake::RedirectMismatch(url) => format!(
            "Zoom answers 4700 or 4709: another redirect URL was pasted, or the allow list does not cover it. The redirect URL must be exactly {url}, and the allow list as in this step."
        ),
        Mistake::OtherCallback { declared, callback } => format!(
            "spec.oauth.redirectUrl says {declared}, but the operator's callback is {callback}: correct or remove it."
        ),
        Mistake::WrongSecretToken { secret, key } => format!(
            "A request arrived whose signature does not match Secret {secret}, key {key}: copy the app's Secret Token again, not the Client Secret and not the Verification Token."
        ),
        Mistake::Stale(at) => format!(
            "The last URL validation was answered at {at}, more than 72 hours ago: Zoom stops sending after six failures. Press Validate again."
        ),
        Mistake::Unreachable(why) => {
            format!("{why} If the URL works from the internet, press Validate anyway.")
        }
        Mistake::ReceiverDown => "Wait before you press Validate: the receiver does not accept requests yet.".into(),
        Mistake::NoHost => {
            "The endpoint has no public host name: set spec.webhook.endpoint.host.".into()
        }
        Mistake::HostWithheld => {
            "Paste nothing yet: the endpoint's host name belongs to another integration, or is not allowed here. The condition Ready says which.".into()
        }
        Mistake::MissingScopes { scopes, kind } => format!(
            "Not granted: {}. {}",
            scopes
                .iter()
                .map(|scope| zoom::scopes::remedy::tick(scope))
                .collect::<Vec<_>>()
                .join(", "),
            match kind {
                AppKind::General => "Tick them, and have the app authorized again: a refresh alone does not add them.",
                AppKind::ServerToServer | AppKind::WebhookOnly => "Tick them; the next token has them.",
            }
        ),
        Mistake::ClassicScopes(scopes) => zoom::scopes::remedy::perhaps(scopes),
        Mistake::OtherNames(covered) => {
            let sentences: Vec<String> = covered.iter().map(Covered::message).collect();
            sentences.join(" ")
        }
        Mistake::NoConnection => {
            "There is no ZoomConnection yet: create one for each person, or allow self-service.".into()
        }
        Mistake::GrantLost(names) => format!(
            "These connections lost their authorization, and their people must authorize again: {}.",
            names.join(", ")
        ),
    }
}

fn caution(caution: Caution) -> &'static str {
    match caution {
        Caution::ChangeNow => {
            "Do not press \"Change Now\" on the activation page: it would make this private app public, and cannot be undone."
        }
        Caution::AddInMarketplace => {
            "Do not use \"Add App\" in the Marketplace: it starts without the state that the back end needs. Start from the installation link, or in the back end."
        }
        Caution::VerificationToken => {
            "Copy the Secret Token. The Verification Token beside it has had no effect since June 2025."
        }
        Caution::TwoPairs(Environment::Production) => {
            "There are two pairs. This app needs the one on the Production tab."
        }
        Caution::TwoPairs(Environment::Development) => {
            "There are two pairs. This app needs the one on the Development tab."
        }
        Caution::FailedValidation => {
            "Do not ignore \"URL validation failed\": without validation no event arrives."
        }
        Caution::ValidationCode => {
            "Zoom shows a code, reads /zoomverify/verifyzoom.html from every host that the app names, and compares. For the webhook's host put the code into the ConfigMap that spec.app.domainValidation names; for the host of the consent pages, the platform engineer sets connect.domainValidation in the chart; on your own hosts, serve the file yourself."
        }
        Caution::NoEvents => "Leave Event Subscriptions off: no event is declared.",
    }
}

fn warning(warning: &Warning) -> String {
    match warning {
        Warning::LegacyVerificationToken(key) => format!(
            "Key {key} looks like Zoom's Verification Token, which Zoom no longer uses: remove it, and copy the Secret Token."
        ),
        Warning::HttpRedirect(url) => format!(
            "{url} is not encrypted, so anybody on the network path can steal the authorization: use https."
        ),
        Warning::DevelopmentCredentials => {
            "Zoom refuses the credentials of this production app. The most common reason: they are from the Development tab.".into()
        }
        Warning::DevelopmentOnly => format!(
            "{} credentials work only for users of the developer's own account, but this app is to be published: set app.environment: {} in another ZoomIntegration.",
            environment(Environment::Development),
            environment(Environment::Production)
        ),
        Warning::PreviousSecretToken => {
            "Zoom still signs with the previous Secret Token: keep previous-webhook-secret-token until this warning is gone.".into()
        }
        Warning::UndeclaredEvents(events) => format!(
            "Zoom sends events that are not in webhook.subscriptions, and the receiver discards them: {}. Declare them, or untick them in Zoom.",
            events.join(", ")
        ),
        Warning::Scopes(warning) => warning.message(),
        Warning::Button(button) => caution(*button).into(),
    }
}
