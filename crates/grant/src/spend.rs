//! Spending a credential: the sequence of steps in which nothing is lost.

use jiff::Timestamp;

use super::{
    Client, Grant, Intent, Journal, Lost, Standing,
    commit::{Committed, commit_over},
    journal::Entry,
    ports::{Issuer, Refusal, Store, StoreError, Term},
};

/// The result of an attempt to spend a credential.
#[derive(Debug)]
pub enum SpendOutcome<E> {
    /// It was spent and its successor is stored.
    Stored(Box<Grant>),
    /// Zoom refused or did not answer.
    Refused(Refusal<E>),
    /// Zoom rejected the credential for good. The stored grant says so.
    Lost(Lost),
    /// The grant was given to another app than the one of these client credentials. Nothing was sent.
    OtherClient,
    /// Another process made an attempt that may still be running.
    Waiting,
    /// Another grant was stored meanwhile.
    Superseded,
    /// The grant is no longer needed: its connection was deleted or is being deleted.
    Gone,
}

/// Why no attempt was made, or its outcome could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This process does not lead, or not for long enough.
    #[error("leadership does not outlast the request")]
    Deposed,
    /// The store failed before anything was sent.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Spends the stored credential and stores its successor.
///
/// The caller makes sure that within this process only one such future exists for a grant. It may be
/// dropped at any point, as a process may crash at any point: a reply that it left in the journal is stored
/// by the next call, which then sends nothing.
///
/// # Errors
/// When no attempt was made. What Zoom says is part of [`SpendOutcome`].
pub async fn spend<S: Store, I: Issuer, J: Journal, T: Term>(
    store: &S,
    issuer: &I,
    journal: &J,
    term: &T,
) -> Result<SpendOutcome<I::Error>, Error> {
    let stored = store.read().await?;
    if let Some(entry) = left_behind(
        journal,
        &store.place(),
        stored.as_ref().map(|(grant, _)| grant),
    ) {
        let version = stored.map(|(_, version)| version);
        return Ok(keep(store, issuer, journal, entry, version).await);
    }
    let Some((mut grant, version)) = stored else {
        return Ok(SpendOutcome::Gone);
    };
    let client = issuer.client();
    match grant.standing(&client) {
        Standing::Usable => {}
        Standing::OtherClient => return Ok(SpendOutcome::OtherClient),
        Standing::Lost(reason) => return Ok(SpendOutcome::Lost(reason)),
    }
    if grant
        .intent
        .as_ref()
        .is_some_and(|intent| !term.settled(intent))
    {
        return Ok(SpendOutcome::Waiting);
    }
    if !store.wanted().await? {
        return Ok(SpendOutcome::Gone);
    }
    may_begin(term, issuer)?;
    let attempt = grant.attempts().saturating_add(1);
    // An existing intent belongs to an attempt whose outcome is unknown.
    let is_unknown = grant.intent.is_some() || grant.lost() == Some(Lost::ReplyLost);
    grant.intent = Some(Intent {
        holder: term.holder(),
        attempt,
        begun: term.now(),
    });
    let version = store.write(&grant, &version).await?;
    // The write may have been slow.
    may_begin(term, issuer)?;
    match issuer.exchange(&grant.credential).await {
        Ok(pair) => {
            let next = grant.rotated(pair, &client);
            let entry = Entry::new(store.place(), &grant, next);
            // From here on the reply survives a crash.
            if let Err(error) = journal.put(&entry) {
                tracing::error!(%error, "failed to write the journal");
            }
            Ok(keep(store, issuer, journal, entry, Some(version)).await)
        }
        Err(refusal) => {
            match refusal.ends {
                Some(lost) if !refusal.ambiguous => {
                    // After an unknown outcome, a rejection means that the earlier attempt had succeeded.
                    let lost = match lost {
                        Lost::GrantLost if is_unknown => Lost::ReplyLost,
                        other => other,
                    };
                    give_up(store, &grant, lost, &client, term.now()).await
                }
                _ => {
                    if !refusal.ambiguous && !is_unknown {
                        // Certainly not spent: remove the record of the attempt. If that fails, the
                        // next attempt treats this one as unknown, which is safe.
                        grant.intent = None;
                        let _ = store.write(&grant, &version).await;
                    }
                    Ok(SpendOutcome::Refused(refusal))
                }
            }
        }
    }
}

/// The reply of an earlier attempt that was dropped between the journal and the store: the stored grant,
/// or its absence, still matches it.
fn left_behind(journal: &impl Journal, place: &str, stored: Option<&Grant>) -> Option<Entry> {
    journal.entries().into_iter().find(|entry| {
        entry.place == place
            && stored
                .is_none_or(|grant| grant.id == entry.next.id && grant.matches_spent(&entry.spent))
    })
}

/// Stores a reply that is in the journal.
async fn keep<S: Store, I: Issuer>(
    store: &S,
    issuer: &I,
    journal: &impl Journal,
    entry: Entry,
    version: Option<S::Version>,
) -> SpendOutcome<I::Error> {
    let committed = commit_over(store, issuer, &entry, version).await;
    journal.remove(&entry);
    match committed {
        Committed::Stored => SpendOutcome::Stored(Box::new(entry.next)),
        Committed::Superseded => SpendOutcome::Superseded,
        Committed::Unwanted => SpendOutcome::Gone,
    }
}

fn may_begin(term: &impl Term, issuer: &impl Issuer) -> Result<(), Error> {
    if term.outlasts(issuer.time_limit()) {
        Ok(())
    } else {
        Err(Error::Deposed)
    }
}

/// Records that Zoom rejected the credential of `refused`, if it is still the stored one.
async fn give_up<S: Store, E>(
    store: &S,
    refused: &Grant,
    lost: Lost,
    client: &Client,
    now: Timestamp,
) -> Result<SpendOutcome<E>, Error> {
    let refused = refused.credential.fingerprint();
    loop {
        let Some((stored, version)) = store.read().await? else {
            return Ok(SpendOutcome::Gone);
        };
        if !stored.matches_spent(&refused) {
            return Ok(SpendOutcome::Superseded);
        }
        let next = stored.refused(lost, client, now);
        match store.write(&next, &version).await {
            Ok(_) => return Ok(SpendOutcome::Lost(lost)),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
