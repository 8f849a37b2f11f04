//! A connection's own sink: what it was found with, and what a route says of it. Only the reads are I/O.

use std::net::IpAddr;

use contract::{
    receiver::{
        NatsMessageId, SinkFormat, SinkUrl,
        files::{AUTHORIZATION, CA, NATS_CREDS, NKEY_SEED},
        routes::{Destination, Private, RouteCredentials, RouteSink},
    },
    secret_value,
};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;

use crate::{
    api::{
        label,
        v1alpha1::{self as api, ConnectionSink, HttpFormat, ServiceRef, ZoomConnection, duration},
    },
    controller::{
        error::Error,
        reader::{Reader, Reads},
        sink_service::{self, SinkService},
    },
};

/// Key of the secret that signs events in Zoom's format.
const SECRET_TOKEN: &str = "webhook-secret-token";

/// What a connection's sink was found with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedSink {
    /// Why no event may be sent to it, as a sentence.
    pub problem: Option<String>,
    /// Whether it is worth a look soon: what it needs does not exist yet, or is a Service, which nobody watches.
    pub is_awaited: bool,
    /// What it asks for.
    pub credentials: RouteCredentials,
    /// The judged addresses of its Service; `None` for any.
    pub addresses: Option<Vec<IpAddr>>,
}

/// Reads what the connection's sink needs, all of it in the connection's own namespace. `None` without a sink.
///
/// # Errors
/// When a request to the API server fails.
pub async fn observe(
    reader: &Reader,
    connection: &ZoomConnection,
) -> Result<Option<ObservedSink>, Error> {
    let Some(sink) = &connection.spec.sink else {
        return Ok(None);
    };
    let mut observed = ObservedSink::default();
    if let Some(reference) = sink.secret() {
        let secrets: Reads<Secret> = reader.beside(connection);
        let found = secrets.get_opt(&reference.name).await?;
        read(sink, &reference.name, found.as_ref(), &mut observed);
    }
    if let Some(service) = sink.service() {
        let namespace = connection.namespace().unwrap_or_default();
        let (finding, addresses) = sink_service::judge(reader, &namespace, service).await?;
        observed.addresses = addresses;
        of_service(service, finding, &mut observed);
    }
    Ok(Some(observed))
}

/// The sink of a route. With a problem it leads nowhere: the events wait, and go to nobody else meanwhile.
#[must_use]
pub fn route_sink(
    connection: &ZoomConnection,
    sink: &ConnectionSink,
    observed: &ObservedSink,
) -> RouteSink {
    let namespace = connection.namespace().unwrap_or_default();
    let name = connection.name_any();
    let mut route = nowhere(&namespace, &name);
    if observed.problem.is_some() {
        return route;
    }
    route.credentials = observed.credentials.clone();
    if let Some(http) = &sink.http {
        route.format = match http.format.unwrap_or_default() {
            HttpFormat::CloudEvents => SinkFormat::CloudEvents,
            HttpFormat::Zoom => SinkFormat::Zoom,
        };
        let timeout = http.timeout.as_deref().and_then(duration::parse);
        route.timeout_seconds = timeout.map(|timeout| timeout.as_secs_f64());
        if let Some(url) = &http.url {
            route.destination = Destination::Internet {
                url: SinkUrl(url.clone()),
            };
        } else if let Some(service) = &http.service_ref {
            route.destination = Destination::Service {
                url: SinkUrl(format!(
                    "http://{}.{namespace}.svc:{}{}",
                    service.name,
                    service.port.unwrap_or(80),
                    service.path.as_deref().unwrap_or("/"),
                )),
                addresses: observed.addresses.clone(),
            };
        }
    } else if let Some(nats) = &sink.nats {
        let subject = nats.subject.clone();
        route.destination = Destination::Nats {
            url: SinkUrl(nats.url.clone()),
            subject: subject.unwrap_or_else(|| format!("zoom.{namespace}.{name}")),
        };
        route.message_id = match nats.message_id.unwrap_or_default() {
            api::NatsMessageId::Body => NatsMessageId::Body,
            api::NatsMessageId::EventKey => NatsMessageId::EventKey,
        };
    }
    route
}

/// The sink of a connection that leads nowhere: events wait, and become dead letters in the end.
#[must_use]
pub fn nowhere(namespace: &str, name: &str) -> RouteSink {
    RouteSink {
        destination: Destination::Service {
            url: SinkUrl(format!("http://{name}.{namespace}.svc/")),
            addresses: Some(Vec::new()),
        },
        format: SinkFormat::default(),
        timeout_seconds: None,
        message_id: NatsMessageId::default(),
        credentials: RouteCredentials::default(),
    }
}

fn read(sink: &ConnectionSink, name: &str, found: Option<&Secret>, observed: &mut ObservedSink) {
    let Some(secret) = found else {
        observed.is_awaited = true;
        observed.problem = Some(format!(
            "Secret {name} with the sink's credentials does not exist: create it with the label {}={}.",
            label::USE,
            label::SINK
        ));
        return;
    };
    if secret.labels().get(label::USE).map(String::as_str) != Some(label::SINK) {
        observed.problem = Some(format!(
            "Secret {name} is not labelled for use by a sink. If it is meant for this, label it {}={}.",
            label::USE,
            label::SINK
        ));
        return;
    }
    let data = |key: &str| secret.data.as_ref()?.get(key);
    let value = |key: &str| {
        let text = secret_value::read(&data(key)?.0).ok()?;
        Some(Private::new(text))
    };
    // Several lines, or with spaces inside.
    let text = |key: &str| {
        let text = std::str::from_utf8(&data(key)?.0).ok()?.trim();
        (!text.is_empty()).then(|| Private::new(text))
    };
    if sink.http.is_some() {
        observed.credentials.authorization = text(AUTHORIZATION);
    } else {
        observed.credentials.nats_creds = text(NATS_CREDS);
        observed.credentials.nkey_seed = value(NKEY_SEED);
    }
    observed.credentials.ca_crt = text(CA);
    if sink.is_signed() {
        observed.credentials.secret_token = value(SECRET_TOKEN);
        if observed.credentials.secret_token.is_none() {
            observed.problem = Some(format!(
                "Secret {name} has no usable value under the key {SECRET_TOKEN}, with which events in Zoom's format are signed: put a secret of your own there."
            ));
        }
    }
}

fn of_service(service: &ServiceRef, finding: SinkService, observed: &mut ObservedSink) {
    let name = &service.name;
    let problem = match finding {
        SinkService::Usable => return,
        SinkService::Absent => format!("Service {name} of the sink does not exist: create it."),
        SinkService::NoPort => format!(
            "Service {name} of the sink does not have port {}: correct sink.http.serviceRef.port, or the Service.",
            service.port.unwrap_or(80)
        ),
        SinkService::External => format!(
            "Service {name} of the sink is of type ExternalName and may lead anywhere: name a Service with Pods, or set sink.http.url."
        ),
    };
    observed.is_awaited = true;
    observed.problem.get_or_insert(problem);
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::needless_pass_by_value,
        reason = "cases read better without ampersands"
    )]

    use k8s_openapi::ByteString;
    use serde_json::{Value, json};

    use super::*;

    fn connection(sink: Value) -> ZoomConnection {
        serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
            "metadata": {"name": "zoom", "namespace": "clinic"},
            "spec": {"integrationRef": {"name": "app", "namespace": "platform"}, "sink": sink},
        }))
        .unwrap()
    }

    fn built(sink: Value, observed: &ObservedSink) -> RouteSink {
        let connection = connection(sink);
        route_sink(
            &connection,
            connection.spec.sink.as_ref().unwrap(),
            observed,
        )
    }

    fn secret(label: Option<&str>, data: &[(&str, &str)]) -> Secret {
        let mut secret = Secret::default();
        secret.metadata.labels =
            label.map(|value| [(label::USE.to_owned(), value.to_owned())].into());
        let data = data.iter();
        let data =
            data.map(|(key, value)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec())));
        secret.data = Some(data.collect());
        secret
    }

    fn found(sink: Value, secret: Option<&Secret>) -> ObservedSink {
        let connection = connection(sink);
        let mut observed = ObservedSink::default();
        read(
            connection.spec.sink.as_ref().unwrap(),
            "s",
            secret,
            &mut observed,
        );
        observed
    }

    #[test]
    fn a_sink_is_in_the_tenants_own_namespace() {
        let sink = json!({"http": {"serviceRef": {"name": "back", "port": 8080, "path": "/in"}, "timeout": "2500ms"}});
        let observed = ObservedSink {
            addresses: Some(vec!["10.0.0.7".parse().unwrap()]),
            ..ObservedSink::default()
        };
        let route = built(sink, &observed);
        let wanted = Destination::Service {
            url: SinkUrl("http://back.clinic.svc:8080/in".into()),
            addresses: observed.addresses.clone(),
        };
        assert_eq!(
            (route.destination, route.timeout_seconds),
            (wanted, Some(2.5))
        );
        let route = built(
            json!({"nats": {"url": "nats://n:4222", "messageId": "EventKey"}}),
            &observed,
        );
        let wanted = Destination::Nats {
            url: SinkUrl("nats://n:4222".into()),
            subject: "zoom.clinic.zoom".into(),
        };
        assert_eq!(
            (route.destination, route.message_id),
            (wanted, NatsMessageId::EventKey)
        );
    }

    #[test]
    fn a_sink_with_a_problem_leads_nowhere_and_carries_no_secret() {
        let observed = ObservedSink {
            problem: Some("x".into()),
            credentials: RouteCredentials {
                authorization: Some(Private::new("Bearer x")),
                ..RouteCredentials::default()
            },
            ..ObservedSink::default()
        };
        let route = built(json!({"http": {"url": "https://a.example"}}), &observed);
        let Destination::Service { addresses, .. } = route.destination else {
            panic!("{route:?}");
        };
        assert_eq!(addresses, Some(vec![]));
        assert_eq!(route.credentials, RouteCredentials::default());
    }

    #[test]
    fn a_service_that_cannot_be_used_is_looked_at_again() {
        let service: ServiceRef = serde_json::from_value(json!({"name": "back"})).unwrap();
        for finding in [
            SinkService::Absent,
            SinkService::NoPort,
            SinkService::External,
        ] {
            let mut observed = ObservedSink::default();
            of_service(&service, finding, &mut observed);
            assert!(
                observed.is_awaited && observed.problem.is_some(),
                "{finding:?}"
            );
        }
        let mut observed = ObservedSink::default();
        of_service(&service, SinkService::Usable, &mut observed);
        assert_eq!(observed, ObservedSink::default());
    }

    #[test]
    fn a_secret_is_used_only_if_it_is_labelled_and_complete() {
        let zoom = json!({"http": {
            "url": "https://a.example", "format": "Zoom", "credentialsSecretRef": {"name": "s"},
        }});
        let absent = found(zoom.clone(), None);
        assert!(absent.is_awaited && absent.problem.is_some());
        let data = [
            ("webhook-secret-token", " own \n"),
            ("authorization", "Bearer a"),
        ];
        let plain = found(zoom.clone(), Some(&secret(None, &data)));
        assert!(plain.problem.unwrap().contains("zoom-operator.io/use=sink"));
        let sound = found(zoom.clone(), Some(&secret(Some("sink"), &data)));
        assert_eq!(sound.problem, None);
        assert_eq!(sound.credentials.secret_token, Some(Private::new("own")));
        assert_eq!(
            sound.credentials.authorization,
            Some(Private::new("Bearer a"))
        );
        let unsigned = found(zoom, Some(&secret(Some("sink"), &data[1..])));
        assert!(unsigned.problem.unwrap().contains("webhook-secret-token"));
    }
}
