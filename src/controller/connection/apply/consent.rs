//! Consents that the pages handed over: each code is redeemed once, its grant is judged, and only then
//! does it become the connection's.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Preconditions},
    runtime::events::{Event, EventType},
};

use super::{Applied, judge};
use crate::{
    api::{
        reason::Reason,
        v1alpha1::{ConsentStatus, ZoomConnection},
    },
    controller::{
        Context,
        connection::{
            observe::{Consent, Integration, Observed},
            plan,
        },
        error::Error,
        grants::{
            Place,
            secret::{self, GrantSecret, Kept},
            store,
        },
        published::{gone, parameters, secrets},
        report, schedule,
    },
};
use grant::{Grant, Outcome};
use zoom::{
    App, Class, Identity,
    scopes::{
        self,
        remedy::{self, Then},
    },
};

/// A person waits in front of a page.
const SOON: Duration = Duration::from_secs(2);

/// How a consent ended.
struct End {
    succeeded: bool,
    reason: Reason,
    message: String,
}

/// Where a consent stands.
enum Step {
    /// It goes on later.
    Later,
    /// It ended.
    Ended(End),
    /// Its grant is there, and it is known whose it is.
    Granted(Box<Grant>, Option<Identity>),
}

/// Redeems what was handed over.
pub(super) async fn redeem(
    context: &Context,
    connection: &ZoomConnection,
    observed: &Observed,
    integration: &Integration,
    app: &App,
    applied: &mut Applied,
) -> Result<(), Error> {
    for consent in &observed.consents {
        let step = advance(context, connection, observed, integration, app, consent).await?;
        let end = match step {
            Step::Later => {
                applied.look_again = Some(schedule::later(Timestamp::now(), SOON));
                return Ok(());
            }
            Step::Ended(end) => end,
            Step::Granted(grant, identity) => {
                let judged = judge(context, connection, integration, identity.as_ref());
                if let Err(mismatch) = judged {
                    End::failed(mismatch.reason, mismatch.message)
                } else if adopt(context, connection, observed, &grant, identity, applied).await? {
                    applied.failure = None;
                    granted(integration, &grant)
                } else {
                    applied.look_again = Some(schedule::later(Timestamp::now(), SOON));
                    return Ok(());
                }
            }
        };
        tracing::info!(
            transaction = transaction(consent),
            reason = end.reason.as_str(),
            "consent ended"
        );
        remove(context, consent).await?;
        if !end.succeeded {
            let event = Event {
                type_: EventType::Warning,
                reason: end.reason.into(),
                note: Some(end.message.clone()),
                action: "Authorize".into(),
                secondary: None,
            };
            report::publish(context, connection, event).await;
        }
        applied.consent = Some(ConsentStatus {
            transaction: transaction(consent).to_owned(),
            outcome: if end.succeeded {
                ConsentStatus::SUCCEEDED
            } else {
                ConsentStatus::FAILED
            }
            .into(),
            reason: end.reason,
            message: end.message,
        });
    }
    Ok(())
}

/// Takes a consent as far as it goes in this pass.
async fn advance(
    context: &Context,
    connection: &ZoomConnection,
    observed: &Observed,
    integration: &Integration,
    app: &App,
    consent: &Consent,
) -> Result<Step, Error> {
    let kept = secret::get(&consent.secret);
    let stored = kept
        .as_ref()
        .map(|kept| kept.grant.clone())
        .or_else(|| store::handed_over(&consent.secret));
    let spent = stored.as_ref().is_some_and(|grant| grant.generation > 0);
    let now = Timestamp::now();
    if let Err(refused) = plan::check(consent, connection, integration, spent, now) {
        return Ok(Step::Ended(End::failed(refused.reason, refused.message)));
    }
    let grant = match stored {
        Some(grant) if spent => grant,
        _ => match spend(context, connection, observed, app, consent).await? {
            Ok(grant) => *grant,
            Err(step) => return Ok(step),
        },
    };
    let Some(access) = &grant.access else {
        return Ok(Step::Later);
    };
    match context.zoom.me(&access.token, &access.api_url).await {
        Ok(identity) => Ok(Step::Granted(Box::new(grant), identity)),
        Err(error) if error.fault.class() == Class::Time && now < access.expires_at => {
            tracing::info!(%error, "zoom does not tell who authorized, asking again");
            Ok(Step::Later)
        }
        Err(error) => Ok(Step::Ended(End::failed(
            Reason::SubjectUnverifiable,
            error.message(),
        ))),
    }
}

/// Spends the code; the step that follows when that gave no grant.
async fn spend(
    context: &Context,
    connection: &ZoomConnection,
    observed: &Observed,
    app: &App,
    consent: &Consent,
) -> Result<Result<Box<Grant>, Step>, Error> {
    let place = Place::of_consent(
        &context.config.lease_namespace,
        &consent.secret_name,
        connection,
        &observed.namespace_uid,
    );
    let Some(outcome) = context.grants.spend(place, app).await else {
        return Ok(Err(Step::Later));
    };
    let outcome = outcome?;
    context.metrics.exchange(&outcome);
    Ok(match outcome {
        Outcome::Stored(grant) => Ok(grant),
        Outcome::Refused(refusal) if refusal.error.fault.class() == Class::Person => {
            let error = refusal.error;
            Err(Step::Ended(End::failed(error.fault, error.message())))
        }
        Outcome::Lost(lost) => Err(Step::Ended(End::failed(
            Reason::CodeRejected,
            format!(
                "Zoom did not accept the authorization code ({}): open the link again.",
                lost.as_str()
            ),
        ))),
        Outcome::OtherClient => Err(Step::Ended(End::failed(
            Reason::ConsentOutdated,
            "The app's client id changed during the consent: open the link again.",
        ))),
        // Time heals these, and if not, the code expires.
        Outcome::Refused(_) | Outcome::Waiting | Outcome::Superseded | Outcome::Gone => {
            Err(Step::Later)
        }
    })
}

/// Makes a grant the connection's own; false when that has to wait.
async fn adopt(
    context: &Context,
    connection: &ZoomConnection,
    observed: &Observed,
    grant: &Grant,
    identity: Option<Identity>,
    applied: &mut Applied,
) -> Result<bool, Error> {
    context.leadership.check()?;
    let secrets: Api<Secret> = context.beside(connection);
    let name = secret::name(&connection.name_any());
    // As it is now: a refresh of the earlier grant may have ended meanwhile.
    let current = secrets.get_opt(&name).await?;
    let before = match secret::read(connection, current.as_ref()) {
        GrantSecret::Leaving | GrantSecret::Foreign => return Ok(false),
        GrantSecret::Ours(kept) if kept.grant.id == grant.id || kept.grant.since > grant.since => {
            applied.grant = GrantSecret::Ours(kept);
            return Ok(true);
        }
        GrantSecret::Ours(kept) => Some(kept),
        GrantSecret::Absent | GrantSecret::Broken => None,
    };
    let kept = Kept {
        grant: Grant {
            // The time comes from another process: in the future it would outlast every later consent.
            since: grant.since.min(Timestamp::now()),
            ..grant.clone()
        },
        identity,
        identified: true,
        namespace_uid: observed.namespace_uid.clone(),
        imported: before.and_then(|before| before.imported),
    };
    let mut wanted = secret::build(connection, &kept);
    let params = parameters();
    let written = match current {
        Some(current) => {
            wanted.metadata.resource_version = current.metadata.resource_version;
            secrets.replace(&name, &params, &wanted).await
        }
        None => secrets.create(&params, &wanted).await,
    };
    let written = written.map_err(Error::from_write)?;
    applied.grant = secret::read(connection, Some(&written));
    Ok(true)
}

/// Removes exactly what was read.
async fn remove(context: &Context, consent: &Consent) -> Result<(), Error> {
    let secrets = secrets(&context.client, &context.config.lease_namespace);
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: consent.secret.uid(),
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    gone(secrets.delete(&consent.secret_name, &params).await)
}

fn granted(integration: &Integration, grant: &Grant) -> End {
    let scope = grant.access.as_ref().map_or("", |access| &access.scope);
    let found = scopes::compare(scope, &integration.resource.spec.scopes.required, &[]);
    match remedy::message(&found, Then::AuthorizeAgain) {
        None => End {
            succeeded: true,
            reason: Reason::Connected,
            message: "The app is authorized.".into(),
        },
        Some(message) => End::failed(Reason::MissingScopes, message),
    }
}

fn transaction(consent: &Consent) -> &str {
    consent
        .secret_name
        .strip_prefix("zoom-consent-")
        .unwrap_or_default()
}

// === impl End ===

impl End {
    fn failed(reason: impl Into<Reason>, message: impl Into<String>) -> Self {
        Self {
            succeeded: false,
            reason: reason.into(),
            message: message.into(),
        }
    }
}
