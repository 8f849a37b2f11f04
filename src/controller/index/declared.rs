//! The declared resources in the index: which fields are left out, and which objects need a pass after a change.

use std::{collections::BTreeSet, sync::Arc};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, ResourceExt as _, core::DeserializeGuard};

use super::{
    accounts::standing,
    cache::{Cache, Kept, names},
    facts::{ConnectionFacts, IntegrationFacts},
    objects::{Guarded, Name, Objects, integration_of, readable},
    subjects::subjects,
    watched::{Watched, is_ours},
};
use crate::{
    api::{
        annotation, label,
        v1alpha1::{ZoomConnection, ZoomIntegration},
    },
    controller::{
        grants,
        integration::{
            hosts::Claim,
            lifecycle,
            resources::{control_name, lifecycle_name},
            shared::proven,
        },
        key::Key,
        token_secret::Owner,
    },
    setup::people,
};

impl Kept for Guarded<ZoomIntegration> {
    type Facts = IntegrationFacts;

    fn facts(&self) -> IntegrationFacts {
        IntegrationFacts::of(self)
    }

    fn pack(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(self.0.as_ref().ok()?).ok()
    }

    fn unpack(text: &[u8]) -> Option<Self> {
        Some(DeserializeGuard(Ok(serde_json::from_slice(text).ok()?)))
    }
}

impl Watched for Guarded<ZoomIntegration> {
    fn cache(objects: &Objects) -> &Cache<Self> {
        &objects.integrations
    }

    fn cache_mut(objects: &mut Objects) -> &mut Cache<Self> {
        &mut objects.integrations
    }

    fn trim(&mut self) {
        trim_resource(self);
    }

    fn key(object: &Self) -> Option<Key> {
        let (namespace, name) = names(object);
        Some(Key::integration(namespace, name))
    }

    fn relate(objects: &mut Objects, before: Option<&Self>, now: Option<&Self>) {
        if let Some(before) = before.and_then(readable) {
            let key = objects.shared(Key::from(before));
            let name = (key.namespace.clone(), key.name.clone());
            for secret in secrets_of_integration(before, &key.namespace) {
                objects.readers.remove(&secret, &key);
            }
            if let Some((host, _)) = Claim::of(before) {
                objects.claimants.remove(host.as_str(), &name);
            }
            if let Some(id) = proven(before) {
                objects.apps.remove(id, &name);
            }
        }
        if let Some(now) = now.and_then(readable) {
            let key = objects.shared(Key::from(now));
            let name = (key.namespace.clone(), key.name.clone());
            for secret in secrets_of_integration(now, &key.namespace) {
                objects.readers.insert(secret, key.clone());
            }
            if let Some((host, _)) = Claim::of(now) {
                objects.claimants.insert(host, name.clone());
            }
            if let Some(id) = proven(now) {
                objects.apps.insert(id.to_owned(), name.clone());
            }
        }
        if let Some((namespace, _)) = now.or(before).map(names) {
            match (declares_gateway(before), declares_gateway(now)) {
                (false, true) => objects.gateways.insert(namespace),
                (true, false) => objects.gateways.remove(namespace),
                _ => {}
            }
        }
        let allowed = |object: &Self| readable(object)?.spec.allowed_namespaces.clone();
        if before.and_then(allowed) != now.and_then(allowed)
            && let Some(object) = now.or(before)
        {
            objects.recount(object);
        }
    }

    fn only_asks(before: &Self, now: &Self) -> bool {
        let (Some(before), Some(now)) = (readable(before), readable(now)) else {
            return false;
        };
        only_asks(&before.metadata, &now.metadata)
            && before.spec == now.spec
            && before.status == now.status
    }

    fn affected(objects: &Objects, before: Option<&Self>, now: Option<&Self>) -> Vec<Key> {
        let Some(key) = now.or(before).and_then(Self::key) else {
            return Vec::new();
        };
        let mut affected = Vec::new();
        // Only what people change: the status changes with those of its connections.
        let declared = |object: &Self| {
            (
                object.uid(),
                object.meta().generation,
                object.meta().deletion_timestamp.clone(),
            )
        };
        if before.map(declared) != now.map(declared) {
            affected.extend(objects.connection_keys(&key.namespace, &key.name));
        }
        let claim = |object: Option<&Self>| Claim::of(object.and_then(readable)?);
        let (old, new) = (claim(before), claim(now));
        if old != new {
            for (host, _) in [old, new].into_iter().flatten() {
                let claims = objects.claims_on(&host);
                let claimants = claims.map(|claim| Key::integration(&claim.namespace, &claim.name));
                affected.extend(claimants.filter(|rival| *rival != key));
            }
        }
        let app = |object: Option<&Self>| proven(object.and_then(readable)?).map(ToOwned::to_owned);
        let (old, new) = (app(before), app(now));
        if old != new {
            for id in [old, new].into_iter().flatten() {
                affected.extend(objects.sharers_of(&id, &key));
            }
        }
        affected.extend(now.is_some().then_some(key));
        affected
    }
}

impl Kept for Guarded<ZoomConnection> {
    type Facts = ConnectionFacts;

    fn facts(&self) -> ConnectionFacts {
        ConnectionFacts::of(self)
    }

    fn pack(&self) -> Option<Vec<u8>> {
        // Each change of it asks what the version before said, and passes over others read it.
        None
    }

    fn unpack(_: &[u8]) -> Option<Self> {
        None
    }
}

impl Watched for Guarded<ZoomConnection> {
    fn cache(objects: &Objects) -> &Cache<Self> {
        &objects.connections
    }

    fn cache_mut(objects: &mut Objects) -> &mut Cache<Self> {
        &mut objects.connections
    }

    fn trim(&mut self) {
        trim_resource(self);
    }

    fn key(object: &Self) -> Option<Key> {
        let (namespace, name) = names(object);
        Some(Key::connection(namespace, name))
    }

    fn relate(objects: &mut Objects, before: Option<&Self>, now: Option<&Self>) {
        if let Some(before) = before.and_then(readable) {
            let key = objects.shared(Key::from(before));
            let name = (key.namespace.clone(), key.name.clone());
            for secret in secrets_of_connection(before, &key.namespace) {
                objects.readers.remove(&secret, &key);
            }
            objects
                .connections_of
                .remove(&integration_of(before), &name);
            objects.drop_accounts(before, &name);
            objects.drop_subjects(before, &name);
            objects.drop_totals(before);
        }
        if let Some(now) = now.and_then(readable) {
            let key = objects.shared(Key::from(now));
            let name = (key.namespace.clone(), key.name.clone());
            for secret in secrets_of_connection(now, &key.namespace) {
                objects.readers.insert(secret, key.clone());
            }
            objects
                .connections_of
                .insert(integration_of(now), name.clone());
            objects.note_accounts(now, &name);
            objects.note_subjects(now, &name);
            objects.note_totals(now);
        }
    }

    fn only_asks(before: &Self, now: &Self) -> bool {
        let (Some(before), Some(now)) = (readable(before), readable(now)) else {
            return false;
        };
        only_asks(&before.metadata, &now.metadata)
            && before.spec == now.spec
            && before.status == now.status
    }

    fn affected(objects: &Objects, before: Option<&Self>, now: Option<&Self>) -> Vec<Key> {
        let Some(key) = now.or(before).and_then(Self::key) else {
            return Vec::new();
        };
        let (before, now) = (before.and_then(readable), now.and_then(readable));
        let mut affected = Vec::new();
        // The fields that the status of its integration depends on.
        let relevant = |object: &ZoomConnection| {
            let phase = object.status.as_ref().and_then(|status| status.phase);
            let account = object
                .status
                .as_ref()
                .and_then(|status| status.account.clone());
            let has_sink = object.spec.sink.is_some();
            (
                people::read(object),
                phase,
                lifecycle::outline(object),
                (account, has_sink),
            )
        };
        if before.map(relevant) != now.map(relevant) {
            let integrations = [before, now].into_iter().flatten().map(integration_of);
            for (namespace, name) in integrations {
                let integration = Key::integration(&namespace, &name);
                if !affected.contains(&integration) {
                    affected.push(integration);
                }
            }
        }
        if before.map(standing) != now.map(standing) {
            let sides = [before, now].into_iter().flatten();
            let rivals: BTreeSet<Key> = sides.flat_map(|side| objects.rivals_of(side)).collect();
            affected.extend(rivals);
        }
        if let (Some(gone), None) = (before, now) {
            // Another connection of the same person or account may replace it.
            let subject = |object: &ZoomConnection| object.status.as_ref()?.subject.clone();
            let is_same = |other: &ZoomConnection| {
                subject(other)
                    .zip(subject(gone))
                    .is_some_and(|(one, other)| {
                        one.user_id.is_some() && one.user_id == other.user_id
                            || one.account_id.is_some() && one.account_id == other.account_id
                    })
            };
            let app = integration_of(gone);
            let others = subjects(gone).flat_map(|whose| objects.with_subject(&app, whose));
            let same: BTreeSet<Key> = others
                .filter_map(|other| {
                    readable(&other)
                        .filter(|other| is_same(other))
                        .map(Key::from)
                })
                .collect();
            affected.extend(same);
        }
        affected.extend(now.is_some().then_some(key));
        affected
    }
}

/// Whether an integration is to be reached through a Gateway.
fn declares_gateway(integration: Option<&Guarded<ZoomIntegration>>) -> bool {
    let webhook = integration
        .and_then(readable)
        .and_then(|integration| integration.spec.webhook.as_ref());
    let endpoint = webhook.and_then(|webhook| webhook.endpoint.as_ref());
    endpoint.is_some_and(|endpoint| endpoint.gateway.is_some())
}

/// Whether these differ only in when somebody last asked for another token.
fn only_asks(before: &ObjectMeta, now: &ObjectMeta) -> bool {
    let asked = |meta: &ObjectMeta| {
        let annotations = meta.annotations.as_ref()?;
        annotations.get(annotation::REFRESH_REQUESTED_AT).cloned()
    };
    let rest = |meta: &ObjectMeta| {
        let mut meta = meta.clone();
        meta.resource_version = None;
        let annotations = meta.annotations.get_or_insert_default();
        annotations.remove(annotation::REFRESH_REQUESTED_AT);
        meta
    };
    asked(now).is_some() && asked(before) != asked(now) && rest(before) == rest(now)
}

/// The Secrets that an integration reads or writes.
fn secrets_of_integration(integration: &ZoomIntegration, namespace: &Arc<str>) -> Vec<Name> {
    let webhook = integration.spec.webhook.as_ref();
    let sink = webhook.and_then(|webhook| webhook.sink_secret());
    [
        Some(integration.spec.credentials.secret_ref.name.clone()),
        Some(Owner::integration(integration).secret_name),
        sink.map(ToOwned::to_owned),
        Some(control_name(integration)),
        lifecycle::is_wanted(integration).then(|| lifecycle_name(integration)),
    ]
    .into_iter()
    .flatten()
    .map(|secret| (namespace.clone(), secret.into()))
    .collect()
}

/// The Secrets that a connection reads or writes, in addition to its app's credentials.
fn secrets_of_connection(connection: &ZoomConnection, namespace: &Arc<str>) -> Vec<Name> {
    let imported = connection.spec.import_secret_ref.as_ref();
    let sink = connection.spec.sink.as_ref();
    [
        imported.map(|imported| imported.name.clone()),
        sink.and_then(|sink| Some(sink.secret()?.name.clone())),
        Some(grants::secret::name(&connection.name_any())),
        Some(Owner::connection(connection).secret_name),
    ]
    .into_iter()
    .flatten()
    .map(|secret| (namespace.clone(), secret.into()))
    .collect()
}

/// Keeps only spec, status and our own metadata of declared resources.
fn trim_resource<K: Resource>(object: &mut K) {
    let meta = object.meta_mut();
    meta.managed_fields = None;
    meta.self_link = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.retain(|key, _| is_ours(key));
    }
    if let Some(labels) = &mut meta.labels {
        labels.retain(|key, _| is_ours(key) || key == label::MANAGED_BY);
    }
}
