//! Which connections of an app have to do with a user or an account of Zoom, and which have sinks: a pass over
//! one of thousands of connections reads the few that matter to it.

use std::sync::Arc;

use contract::facts::Removal;

use super::{
    objects::{Guarded, Name, Objects, Whose, integration_of, named, readable},
    state::Index,
};
use crate::{
    api::v1alpha1::{Management, ZoomConnection},
    controller::{key::Key, removals::concerns},
};

impl Index {
    /// The connections of an integration whose status names this user, in the namespaces that it allows.
    #[must_use]
    pub fn connections_of_user(&self, app: &Key, user: &str) -> Vec<Arc<Guarded<ZoomConnection>>> {
        let state = self.lock();
        let app = named(&app.namespace, &app.name);
        state.objects.with_subject(&app, Whose::User(user.into()))
    }

    /// The connections of an integration whose status names this account, in the namespaces that it allows.
    #[must_use]
    pub fn connections_of_account(
        &self,
        app: &Key,
        account: &str,
    ) -> Vec<Arc<Guarded<ZoomConnection>>> {
        let state = self.lock();
        let app = named(&app.namespace, &app.name);
        state
            .objects
            .with_subject(&app, Whose::Account(account.into()))
    }

    /// Whether a connection in the namespace of its integration has a sink of its own.
    #[must_use]
    pub fn have_sinks(&self, app: &Key) -> bool {
        let state = self.lock();
        let app = named(&app.namespace, &app.name);
        state.objects.sinks.of(&app).next().is_some()
    }
}

impl Objects {
    /// Records what a connection is found by.
    pub fn note_subjects(&mut self, connection: &ZoomConnection, name: &Name) {
        let app = integration_of(connection);
        if has_sink_at_home(connection, &app) {
            self.sinks.insert(app.clone(), name.clone());
        }
        for whose in subjects(connection) {
            self.subjects.insert((app.clone(), whose), name.clone());
        }
    }

    /// Forgets what was recorded of this version of a connection.
    pub fn drop_subjects(&mut self, connection: &ZoomConnection, name: &Name) {
        let app = integration_of(connection);
        if has_sink_at_home(connection, &app) {
            self.sinks.remove(&app, name);
        }
        for whose in subjects(connection) {
            self.subjects.remove(&(app.clone(), whose), name);
        }
    }

    /// The connections of an app whose status names this user or account, in the namespaces that it allows.
    pub fn with_subject(&self, app: &Name, whose: Whose) -> Vec<Arc<Guarded<ZoomConnection>>> {
        let names = self.subjects.of(&(app.clone(), whose));
        self.admitted(app, names)
    }

    /// The connections of an app whose grant a removal concerns.
    pub fn concerned(
        &self,
        app: &Name,
        removal: &Removal,
        management: Option<Management>,
    ) -> Vec<Key> {
        let user = Whose::User((*removal.user_id).into());
        let account = Whose::Account((*removal.account_id).into());
        let named = [user, account].map(|whose| self.with_subject(app, whose));
        let named = named.iter().flatten().filter_map(|found| readable(found));
        let concerned = named.filter(|connection| {
            let status = connection.status.as_ref();
            let subject = status.and_then(|status| status.subject.as_ref());
            subject.is_some_and(|subject| concerns(removal, subject, management))
        });
        concerned.map(Key::from).collect()
    }
}

fn has_sink_at_home(connection: &ZoomConnection, app: &Name) -> bool {
    connection.spec.sink.is_some() && connection.metadata.namespace.as_deref() == Some(&*app.0)
}

/// The users and accounts that a connection's status names.
pub fn subjects(connection: &ZoomConnection) -> impl Iterator<Item = Whose> + use<'_> {
    let status = connection.status.as_ref();
    let account = status.and_then(|status| status.account.as_ref());
    let subject = status.and_then(|status| status.subject.as_ref());
    let users = [
        account.and_then(|account| account.user_id.as_deref()),
        subject.and_then(|subject| subject.user_id.as_deref()),
    ];
    let accounts = [
        account.map(|account| account.id.as_str()),
        subject.and_then(|subject| subject.account_id.as_deref()),
    ];
    let users = users.into_iter().flatten();
    let accounts = accounts.into_iter().flatten();
    users
        .map(|user| Whose::User(user.into()))
        .chain(accounts.map(|account| Whose::Account(account.into())))
}
