//! What the last pass found of one object.

use contract::facts::BufferFacts;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::{
    api::{
        condition::Type,
        reason::Reason,
        v1alpha1::{Phase, TokenStatus, UnclaimedAccounts, ZoomIntegrationStatus},
    },
    controller::rollouts::Progress,
};

/// What is known about one object.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its phase.
    pub phase: Phase,
    /// When its token expires.
    pub expires_at: Option<Timestamp>,
    /// When a connection's token was issued.
    pub issued_at: Option<Timestamp>,
    /// Why it is stalled, if a person must act.
    pub stalled: Option<Reason>,
    /// Why and since when it is not ready, unless it waits for a person or is suspended.
    pub unready: Option<(Reason, Timestamp)>,
    /// Whether it has a receiver that is not available.
    pub receiver_down: bool,
    /// Why the events of its account do not go to its sink, if they should.
    pub unrouted: Option<Reason>,
    /// The accounts that no connection has, as far as the status names them, and what becomes of their events.
    pub unclaimed: Option<(UnclaimedAccounts, usize)>,
    /// Whether its endpoint's last URL validation is too old.
    pub validation_overdue: bool,
    /// When Zoom last validated its endpoint.
    pub validated: Option<Timestamp>,
    /// How far its receiver is from its wanted state.
    pub receiver: Option<Progress>,
    /// What its receiver's buffers held in the last pass.
    pub buffer: Option<BufferFacts>,
}

/// The last pass over an object.
#[derive(Debug)]
pub(super) struct Pass {
    /// What it found.
    pub(super) member: Member,
    /// When the next pass is due.
    pub(super) next: Timestamp,
}

// === impl Member ===

impl Member {
    /// What a status says; `None` until it has a phase.
    #[must_use]
    pub fn new(
        phase: Option<Phase>,
        token: Option<&TokenStatus>,
        conditions: &[Condition],
    ) -> Option<Self> {
        let is_false = |type_: Type| {
            type_
                .find(conditions)
                .is_some_and(|condition| condition.status == "False")
        };
        Some(Self {
            phase: phase?,
            expires_at: token.and_then(|token| Some(token.expires_at.as_ref()?.0)),
            issued_at: None,
            stalled: Type::Stalled
                .find(conditions)
                .map(|condition| Reason::of(condition).unwrap_or_default()),
            unready: unready(phase?, conditions),
            receiver_down: is_false(Type::ReceiverAvailable),
            unrouted: unrouted(phase?, conditions),
            unclaimed: None,
            validation_overdue: is_false(Type::EndpointValidated),
            validated: None,
            receiver: None,
            buffer: None,
        })
    }

    /// What an integration's status says, and the state of its receiver.
    #[must_use]
    pub fn of_integration(
        status: &ZoomIntegrationStatus,
        unclaimed: Option<UnclaimedAccounts>,
        buffer: Option<BufferFacts>,
        receiver: Option<Progress>,
    ) -> Option<Self> {
        let webhook = status.webhook.as_ref();
        let validated = webhook.and_then(|webhook| webhook.last_validated.as_ref());
        // A receiver that cannot be asked still has its dead letters.
        let known = || {
            let buffer = webhook?.buffer.as_ref()?;
            Some(BufferFacts {
                dead_letters: u64::try_from(buffer.dead_letters).unwrap_or_default(),
                ..BufferFacts::default()
            })
        };
        let buffer = buffer.or_else(known);
        let named = webhook.map_or(0, |webhook| webhook.unclaimed_accounts.len());
        Some(Self {
            unclaimed: Some((unclaimed.unwrap_or_default(), named)),
            validated: validated.map(|time| time.0),
            receiver,
            buffer,
            ..Self::new(status.phase, status.token.as_ref(), &status.conditions)?
        })
    }
}

fn unready(phase: Phase, conditions: &[Condition]) -> Option<(Reason, Timestamp)> {
    let is_waiting = matches!(phase, Phase::ReadyToInstall | Phase::Suspended);
    let ready = Type::Ready.find(conditions)?;
    let is_unready = ready.status == "False" && !is_waiting;
    is_unready.then(|| {
        (
            Reason::of(ready).unwrap_or_default(),
            ready.last_transition_time.0,
        )
    })
}

/// Before the person authorized, it is no fault that nobody knows whose events are the connection's.
fn unrouted(phase: Phase, conditions: &[Condition]) -> Option<Reason> {
    let condition = Type::EventsRouted.find(conditions)?;
    let reason = Reason::of(condition).unwrap_or_default();
    let is_early = phase == Phase::ReadyToInstall && reason == Reason::AccountUnknown;
    (condition.status == "False" && !is_early).then_some(reason)
}
