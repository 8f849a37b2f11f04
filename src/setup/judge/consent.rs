//! What only shows when somebody authorizes: redirect URL, scopes, the installation itself.

use super::finding::Finding;
use crate::{
    api::v1alpha1::ZoomIntegrationSpec,
    setup::{
        entries,
        facts::{Attempt, Facts},
        order,
        step::{Evidence, Mistake, State},
    },
};
use zoom::{
    Fault,
    scopes::{Covered, remedy},
};

pub(super) fn redirect(spec: &ZoomIntegrationSpec, facts: &Facts) -> Finding {
    let url = entries::redirect_url(spec, facts).unwrap_or_default();
    let declared = spec
        .oauth
        .as_ref()
        .and_then(|oauth| oauth.redirect_url.as_ref());
    let mut mistakes = Vec::new();
    if let (Some(declared), Some(callback)) = (declared, &facts.consent.callback)
        && declared != callback
    {
        mistakes.push(Mistake::OtherCallback {
            declared: declared.clone(),
            callback: callback.clone(),
        });
    }
    let mismatch = facts.consent.failed_by(Fault::RedirectMismatch)
        || facts.credentials == Attempt::Failed(Fault::RedirectMismatch);
    if mismatch {
        mistakes.push(Mistake::RedirectMismatch(url.to_owned()));
    }
    let people = &facts.consent.people;
    // A token came by way of the redirect URL, even if it has too few scopes or was lost since.
    let consented = facts.scopes.is_some()
        || people.connected > 0
        || !people.lost.is_empty()
        || an_event_came(spec, facts);
    Finding::of(Evidence::Consent)
        .done_if(consented, people.since.or(facts.endpoint.verified_at))
        .wrong(mistakes)
}

pub(super) fn scopes(spec: &ZoomIntegrationSpec, facts: &Facts) -> Finding {
    let Some(found) = &facts.scopes else {
        // The tenant's back end has the tokens.
        return Finding::of(if order::is_external(spec) {
            Evidence::None
        } else {
            Evidence::TokenScopes
        });
    };
    let (classic, boxes) = remedy::split(found);
    let list = |scopes: Vec<&str>| -> Vec<String> { scopes.into_iter().map(Into::into).collect() };
    let other: Vec<Covered> = found
        .covered
        .iter()
        .filter(|covered| found.missing.contains(&covered.scope))
        .cloned()
        .collect();
    let mistakes = [
        (!boxes.is_empty()).then_some(Mistake::MissingScopes {
            scopes: list(boxes),
            kind: spec.app.kind,
        }),
        (!classic.is_empty()).then_some(Mistake::ClassicScopes(list(classic))),
        (!other.is_empty()).then_some(Mistake::OtherNames(other)),
    ];
    Finding::of(Evidence::TokenScopes)
        .done_if(found.is_complete(), None)
        .wrong(mistakes.into_iter().flatten().collect())
}

pub(super) fn installed(spec: &ZoomIntegrationSpec, facts: &Facts) -> Finding {
    let failed =
        |fault| facts.consent.failed_by(fault) || facts.credentials == Attempt::Failed(fault);
    let mut mistakes: Vec<Mistake> = [
        (Fault::AppDisabled, Mistake::AppDisabled),
        (Fault::OwnerGone, Mistake::OwnerGone),
    ]
    .into_iter()
    .filter(|(fault, _)| failed(*fault))
    .map(|(_, mistake)| mistake)
    .collect();
    let people = &facts.consent.people;
    // A grant that was imported from the back end shows it, too.
    if order::is_external(spec) && people.connected == 0 {
        return own_consent(spec, facts, State::Open).wrong(mistakes);
    }
    let self_service = spec.self_service().is_some();
    let (connected, total) = (people.connected, people.total);
    // Where people come and go as they like, the app is installed as long as anybody has it.
    let any = self_service || order::is_external(spec);
    if any && connected > 0 {
        mistakes.clear();
    } else if !people.lost.is_empty() {
        mistakes.push(Mistake::GrantLost(people.lost.clone()));
    }
    if total == 0 && !self_service {
        mistakes.push(Mistake::NoConnection);
    }
    let all = connected > 0 && (connected == total || any);
    Finding::of(Evidence::Connections { connected, total })
        .open()
        .done_if(all, people.since)
        .wrong(mistakes)
}

/// If the tenant's own back end has the consent, only an event shows that somebody has installed the app.
pub(super) fn own_consent(spec: &ZoomIntegrationSpec, facts: &Facts, waiting: State) -> Finding {
    if !order::has_events(spec) {
        return Finding::of(Evidence::None);
    }
    let finding = Finding {
        state: waiting,
        ..Finding::of(Evidence::FirstEvent)
    };
    finding.done_if(an_event_came(spec, facts), facts.endpoint.verified_at)
}

fn an_event_came(spec: &ZoomIntegrationSpec, facts: &Facts) -> bool {
    let seen = &facts.endpoint.events_seen;
    order::is_external(spec)
        && [order::events(spec), order::bot_events(spec)]
            .concat()
            .into_iter()
            .any(|event| seen.contains(event))
}
