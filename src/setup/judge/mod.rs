//! Whether a step is done, what proves it, and if it is not, what was done wrong.

mod consent;
mod endpoint;
mod finding;
mod keys;

use jiff::Timestamp;

use self::keys::{same_value, unusable};
pub use self::{endpoint::PROOF_LASTS, finding::Finding};
use super::{
    facts::{Attempt, Facts},
    step::{Evidence, Mistake, State, StepId},
};
use crate::api::v1alpha1::ZoomIntegrationSpec;
use zoom::{Class, Fault};

/// The finding about a step at `now`.
#[must_use]
pub fn judge(id: StepId, spec: &ZoomIntegrationSpec, facts: &Facts, now: Timestamp) -> Finding {
    match id {
        StepId::CreateApp => created(spec, facts),
        StepId::Credentials => credentials(spec, facts),
        StepId::Redirect => consent::redirect(spec, facts),
        StepId::Chatbot => endpoint::chatbot(spec, facts),
        StepId::SecretToken => endpoint::secret_token(spec, facts, now),
        StepId::Events => endpoint::events(spec, facts),
        StepId::Endpoint => endpoint::endpoint(spec, facts, now),
        StepId::Scopes => consent::scopes(spec, facts),
        StepId::Deauthorization => {
            Finding::of(Evidence::Removal).done_if(facts.endpoint.removal_seen, None)
        }
        StepId::BackEnd => consent::own_consent(spec, facts, State::Unknown),
        StepId::Activate => activated(facts),
        StepId::Approval => {
            Finding::of(Evidence::CredentialsAccepted).wrong(vec![Mistake::DisabledByAdmin])
        }
        StepId::Install => consent::installed(spec, facts),
        StepId::Information
        | StepId::TechnicalDesign
        | StepId::DomainValidation
        | StepId::Submit => Finding::of(Evidence::None),
    }
}

/// Whether Zoom knows the app by these credentials, and since when. It knows them even if it refuses them for
/// another reason.
fn accepted(facts: &Facts) -> (bool, Option<Timestamp>) {
    match facts.credentials {
        Attempt::Accepted(at) => (true, at),
        Attempt::Failed(Fault::CredentialsRejected | Fault::WrongAppKind) | Attempt::Untried => {
            (false, None)
        }
        Attempt::Failed(fault) => (fault.class() == Class::Person, None),
    }
}

fn created(spec: &ZoomIntegrationSpec, facts: &Facts) -> Finding {
    if spec.is_webhook_only() {
        return endpoint::app_exists(spec, facts);
    }
    let finding = Finding::of(Evidence::CredentialsAccepted);
    if facts.credentials == Attempt::Failed(Fault::WrongAppKind) {
        return finding.wrong(vec![Mistake::WrongAppKind(spec.app.kind)]);
    }
    if let (true, at) = accepted(facts) {
        return finding.done_if(true, at);
    }
    // Zoom signs with this Secret's token only because of the app's own settings.
    if let Some(at) = facts.endpoint.validated_at.or(facts.endpoint.verified_at) {
        return Finding::of(Evidence::Signature).done_if(true, Some(at));
    }
    if facts.secret.has(spec.credentials.client_id()) {
        finding
    } else {
        finding.open()
    }
}

fn credentials(spec: &ZoomIntegrationSpec, facts: &Facts) -> Finding {
    let keys = &spec.credentials;
    let mut wanted = vec![keys.client_id(), keys.client_secret()];
    if spec.is_server_to_server() {
        wanted.push(keys.account_id());
    }
    let mut mistakes = unusable(&wanted, spec, facts);
    mistakes.extend(same_value(&wanted, facts));
    // Zoom does not distinguish a wrong account id from an app that is not activated.
    let account = facts.credentials == Attempt::Failed(Fault::AccountRejected);
    if facts.credentials == Attempt::Failed(Fault::CredentialsRejected)
        || facts.consent.failed_by(Fault::CredentialsRejected)
    {
        let environment = spec.app.environment.unwrap_or_default();
        mistakes.push(Mistake::CredentialsRejected(environment));
    }
    let (proved, at) = accepted(facts);
    Finding::of(Evidence::CredentialsAccepted)
        .done_if(proved && !account, at)
        .wrong(mistakes)
}

fn activated(facts: &Facts) -> Finding {
    let mistake = match facts.credentials {
        Attempt::Failed(Fault::AccountRejected) => Some(Mistake::AccountOrActivation),
        Attempt::Failed(Fault::AppDisabled) => Some(Mistake::AppDisabled),
        Attempt::Failed(Fault::OwnerGone) => Some(Mistake::OwnerGone),
        _ => None,
    };
    let at = match facts.credentials {
        Attempt::Accepted(at) => Some(at),
        _ => None,
    };
    Finding::of(Evidence::Token)
        .done_if(at.is_some(), at.flatten())
        .wrong(mistake.into_iter().collect())
}
