//! Many accounts on one server, each under a subject of its own.

use contract::receiver::{
    NatsMessageId, SinkFormat, SinkUrl,
    routes::{Destination, RouteCredentials, RouteSink},
};

use super::{
    server::Server,
    tenants::{of, route, routed, routes, send, write},
};

crate::cases![each_tenant_has_its_subject];

async fn each_tenant_has_its_subject() {
    let server = Server::start("").await;
    let stream = server.stream().await;
    let fixture = routed().await;
    let directory = routes(&fixture);
    for name in ["a", "b"] {
        let to = RouteSink {
            destination: Destination::Nats {
                url: SinkUrl(server.url()),
                subject: format!("zoom.tenant.{name}"),
            },
            format: SinkFormat::CloudEvents,
            timeout_seconds: None,
            message_id: NatsMessageId::Body,
            credentials: RouteCredentials::default(),
        };
        write(&directory, &route(name, Some(to)));
    }
    let receiver = fixture.start().await;
    for (n, name) in ["a", "b", "a"].into_iter().enumerate() {
        send(&receiver, name, n).await;
        receiver.holds(0, 0).await;
        let message = stream.get_raw_message(n as u64 + 1).await.unwrap();
        let subject = format!("zoom.tenant.{name}.meeting.started");
        assert_eq!(message.subject.as_str(), subject);
        assert_eq!(message.payload, of(name, n));
        let header = |name| {
            message
                .headers
                .get(name)
                .map(async_nats::HeaderValue::as_str)
        };
        assert_eq!(header("ce-clinic"), Some(name));
        assert_eq!(header("ce-headorg"), Some("4711"));
    }
    assert_eq!(receiver.sink.count(), 0);
}
