//! What the decisions of a pass are based on.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;

use super::refresh::{self, Refresh};
use crate::{
    api::{
        reason::Reason,
        v1alpha1::{AppKind, ZoomConnection},
    },
    controller::{
        connection::model::{Attempted, Integration, Observed, Situation},
        failure,
        grants::{client_of, secret::StoredGrant},
    },
};
use zoom::App;

/// The operator's configuration.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long a refresh token that Zoom refused is kept.
    pub sealed_grant: Duration,
}

/// What a decision is based on.
pub struct View<'a> {
    /// The connection.
    pub connection: &'a ZoomConnection,
    /// The current state.
    pub situation: &'a Situation,
    /// The configuration.
    pub rules: Rules,
    /// The time.
    pub now: Timestamp,
}

/// A view with an app.
pub struct AppView<'a> {
    /// The view.
    pub view: &'a View<'a>,
    /// The integration.
    pub integration: &'a Integration,
    /// Its credentials.
    pub app: &'a App,
}

// === impl View ===

impl<'a> View<'a> {
    /// The view with the app, if there is one.
    pub fn with_app(&'a self) -> Option<AppView<'a>> {
        let integration = self.situation.observed.integration.as_ref()?;
        let spec = &integration.resource.spec;
        if spec.app.kind != AppKind::General || spec.suspend {
            return None;
        }
        Some(AppView {
            view: self,
            integration,
            app: integration.credentials.app.as_ref()?,
        })
    }

    /// Whether the next attempt after the last failure is not due yet.
    pub fn waits(&self) -> bool {
        let last = self.situation.failure.as_ref();
        last.is_some_and(|last| {
            let version = self.situation.observed.credentials_version();
            failure::not_before(last, version, failure::requested_at(self.connection)) > self.now
        })
    }

    /// Whether a Secret may be written: not shortly after the API server refused one.
    pub fn may_write(&self) -> bool {
        let last = self.situation.failure.as_ref();
        let refused = last.is_some_and(|last| last.reason == Reason::TokenSecretNotWritten);
        !(self.situation.tried.has(Attempted::Write) || refused && self.waits())
    }
}

impl AppView<'_> {
    /// The observed state.
    pub fn observed(&self) -> &Observed {
        &self.view.situation.observed
    }

    /// The current state.
    pub fn situation(&self) -> &Situation {
        self.view.situation
    }

    /// The grant, if this connection may use it.
    pub fn own_grant(&self) -> Option<&StoredGrant> {
        let kept = self.observed().kept()?;
        (!self.observed().is_copy()).then_some(kept)
    }

    /// Whether the next attempt after the last failure is not due yet.
    pub fn waits(&self) -> bool {
        self.view.waits()
    }

    /// Whether Zoom must not be asked yet.
    pub fn zoom_waits(&self) -> bool {
        let last = self.situation().failure.as_ref();
        let requested = failure::requested_at(self.view.connection);
        let version = self.observed().credentials_version();
        last.and_then(|last| failure::asks_at(last, version, requested))
            .is_some_and(|at| at > self.view.now)
    }

    /// Whether a Secret may be written.
    pub fn may_write(&self) -> bool {
        self.view.may_write()
    }

    /// Whether and when the grant is refreshed.
    pub fn refresh(&self) -> Refresh {
        let Some(kept) = self.own_grant() else {
            return Refresh::Keep;
        };
        let input = refresh::Input {
            kept,
            uid: &self.view.connection.uid().unwrap_or_default(),
            last_failure: self.situation().failure.as_ref(),
            credentials_version: self.observed().credentials_version(),
            client: &client_of(self.app),
            signals: refresh::Signals {
                removed: self.observed().removed_at,
                claimed: self.observed().claimed_at,
                requested: failure::requested_at(self.view.connection),
            },
        };
        refresh::decide(input, self.view.now)
    }
}
