//! Spends grants and the codes of consents.

use jiff::Timestamp;
use runtime::audit::{Action, Kind, Record};

use super::answer::refused;
use crate::{
    api::v1alpha1::ZoomConnection,
    controller::{
        Context, audit,
        connection::{
            model::{Consent, Outcome, Read, Situation},
            observe,
        },
        error::Error,
        grants::{Attempt, Grants, Place, TooEarly, Trail, secret::GrantSecret},
        key::Key,
    },
};
use zoom::App;

/// What came of an attempt to spend a credential.
pub type Spent = grant::SpendOutcome<zoom::Error>;

/// Spends the connection's own grant.
pub async fn refresh(
    context: &Context,
    connection: &ZoomConnection,
    situation: &Situation,
    app: &App,
) -> Result<Outcome, Error> {
    let place = Place::of(connection, &situation.observed.namespace_uid);
    let home = observe::integration_key(connection).namespace;
    let by = Key::from(connection);
    let write = context.writer.begin_secret(by, &place.secret);
    let spent = refused(spend(&context.grants, place, app, &home).await)?;
    let (outcome, trail) = match spent {
        Ok(Ok(spent)) => spent,
        Ok(Err(early)) => return Ok(Outcome::Postponed(early)),
        Err(refused) => return Ok(Outcome::Stored(Err(refused))),
    };
    write.done_all(trail.written);
    let read = match trail.last {
        // As the last write left it.
        Some(secret) => observe::grant_in(connection, Some(&secret)),
        None => observe::grant(&context.reader.beside(connection), connection).await?,
    };
    context.metrics.refresh(&outcome);
    record_refresh(connection, situation, &outcome, &read);
    Ok(Outcome::Refreshed(outcome, read))
}

/// Spends what is stored at `place`, for an app of the namespace `home`.
async fn spend(
    grants: &Grants,
    place: Place,
    app: &App,
    home: &str,
) -> Result<Result<(Spent, Trail), TooEarly>, Error> {
    let Attempt { outcome, trail } = match grants.spend(place, app, home).await {
        Ok(attempt) => attempt,
        Err(early) => return Ok(Err(early)),
    };
    let outcome = outcome?;
    match &outcome {
        grant::SpendOutcome::Stored(_) => tracing::info!("zoom gave a token"),
        grant::SpendOutcome::Refused(refusal) => tracing::info!(
            fault = refusal.error.fault.as_str(),
            detail = refusal.error.detail,
            ambiguous = refusal.ambiguous,
            "zoom gave no token"
        ),
        grant::SpendOutcome::Lost(lost) => {
            tracing::warn!(reason = lost.as_str(), "a grant is lost");
        }
        _ => {}
    }
    Ok(Ok((outcome, trail)))
}

/// Records a requested refresh, and a refresh that ended the grant, in the audit trail.
fn record_refresh(
    connection: &ZoomConnection,
    situation: &Situation,
    outcome: &grant::SpendOutcome<zoom::Error>,
    read: &Read,
) {
    let (issued, failure) = (situation.observed.issued_at(), situation.failure.as_ref());
    if audit::is_asked_for(connection, issued, failure, Timestamp::now()) {
        let record = audit::of_connection(connection, Action::TokenRefresh);
        if let Some(record) = audit::spent(record, outcome) {
            record.write();
        }
    }
    if let grant::SpendOutcome::Lost(lost) = outcome {
        let left = match &read.grant {
            GrantSecret::Ours(kept) => Some(&kept.grant),
            _ => None,
        };
        audit::lost(connection, left, *lost).write();
    }
}

/// Spends the code of a consent, in a pass over `by`.
///
/// # Errors
/// When no attempt was made.
pub async fn redeem(
    context: &Context,
    by: Key,
    consent: &Consent,
    app: &App,
    namespace_uid: &str,
) -> Result<Result<Spent, TooEarly>, Error> {
    let Some(handoff) = &consent.handoff else {
        return Ok(Ok(grant::SpendOutcome::Gone));
    };
    let namespace = &context.config.lease_namespace;
    let place = Place::of_consent(namespace, &consent.secret_name, handoff, namespace_uid);
    let home = handoff.integration_namespace();
    let write = context.writer.begin_consent(by, &consent.secret_name);
    let spent = spend(&context.grants, place, app, home).await?;
    let (outcome, trail) = match spent {
        Ok(spent) => spent,
        Err(early) => {
            write.done_all(Vec::new());
            return Ok(Err(early));
        }
    };
    write.done_all(trail.written);
    context.metrics.exchange(&outcome);
    let (namespace, name) = (&handoff.namespace, &handoff.connection);
    let record = Record::done(Action::ConsentRedeem, Kind::Connection, namespace, name);
    let record = record.item(consent.transaction());
    if let Some(record) = audit::spent(record, &outcome) {
        record.write();
    }
    Ok(Ok(outcome))
}
