//! The values that the API server must refuse, and those that it must accept.
#![allow(
    clippy::needless_pass_by_value,
    reason = "a table reads better without ampersands"
)]

use serde_json::{Value, json};

use crate::bed::merge;

/// A merge patch for the `spec` of a sound ServerToServer integration.
pub type Change = (&'static str, Value);

fn general(change: Value) -> Value {
    let mut spec = json!({
        "app": {"kind": "General", "management": "User"},
        "scopes": {"required": ["meeting:read:meeting"]},
        "oauth": {"redirectUrl": "https://clinic.example.com/callback"},
    });
    merge(&mut spec, &change);
    spec
}

fn webhook(change: Value) -> Value {
    let mut webhook = json!({
        "subscriptions": [{"name": "meetings", "events": ["meeting.ended"]}],
        "sink": {"http": {"url": "http://sink.example.com/zoom"}},
    });
    merge(&mut webhook, &change);
    json!({"webhook": webhook})
}

/// A statement of whose events an account's are.
fn claim(account: &str) -> Value {
    json!({"accountId": account, "namespace": "clinic", "connection": "zoom"})
}

/// An app that says whose an account is, with one change.
fn accounts(change: Value) -> Value {
    let mut claim = claim("a");
    merge(&mut claim, &change);
    general(json!({"accounts": [claim], "webhook": webhook(json!({"buffer": {}}))["webhook"]}))
}

/// A receiver that publishes to NATS.
fn nats(change: Value) -> Value {
    let mut nats = json!({"url": "nats://nats.messaging.svc:4222"});
    merge(&mut nats, &change);
    webhook(json!({"sink": {"http": null, "nats": nats}}))
}

/// A General app whose receiver answers Zoom's domain validation.
fn domain_validation(key: &str) -> Value {
    let mut spec = general(webhook(json!({})));
    spec["app"]["domainValidation"] = json!({"configMapKeyRef": {"name": "domain", "key": key}});
    spec
}

/// An app with a Team Chat bot.
fn bot(change: Value) -> Value {
    let mut spec = general(json!({
        "app": {"management": "Admin", "chatbot": {"slashCommand": "/acme"}},
        "scopes": {"required": ["imchat:bot"]},
    }));
    merge(&mut spec, &change);
    spec
}

/// An app that only receives events.
fn webhook_only(change: Value) -> Value {
    let mut spec = webhook(json!({}));
    spec["app"] = json!({"kind": "WebhookOnly"});
    // Removes what the sound one has.
    spec["scopes"] = Value::Null;
    merge(&mut spec, &change);
    spec
}

/// Without a buffer.
fn timeout(timeout: &str) -> Value {
    webhook(json!({"sink": {"http": {"timeout": timeout}}}))
}

fn scopes(required: Value) -> Value {
    json!({"scopes": {"required": required}})
}

pub fn wrong() -> Vec<Change> {
    [wrong_apps(), wrong_fields()].concat()
}

#[rustfmt::skip]
fn wrong_apps() -> Vec<Change> {
    vec![
        ("a General app without management", json!({"app": {"kind": "General"}, "scopes": {"required": ["meeting:read:meeting"]}})),
        ("a ServerToServer app with management", json!({"app": {"management": "Admin"}})),
        ("a ServerToServer app with oauth", json!({"oauth": {}})),
        ("a General app with a probe", general(json!({"credentials": {"probe": {}}}))),
        ("a probe of another host", json!({"credentials": {"probe": {"path": "//elsewhere.example.com/v2"}}})),
        ("a General app with token", general(json!({"token": {"deletionPolicy": "Retain"}}))),
        ("a ServerToServer app that is Installable", json!({"readyWhen": "Installable"})),
        ("a ServerToServer app without scopes", json!({"scopes": null})),
        ("a WebhookOnly app without webhook", webhook_only(json!({"webhook": null}))),
        ("a WebhookOnly app with scopes", webhook_only(scopes(json!(["user:read:user:admin"])))),
        ("a WebhookOnly app with oauth", webhook_only(json!({"oauth": {}}))),
        ("a WebhookOnly app with management", webhook_only(json!({"app": {"management": "Admin"}}))),
        ("a WebhookOnly app that is Installable", webhook_only(json!({"readyWhen": "Installable"}))),
        ("a WebhookOnly app with a client id", webhook_only(json!({"credentials": {"keys": {"clientId": "id"}}}))),
        ("a bot of a ServerToServer app", json!({"app": {"chatbot": {}}, "scopes": {"required": ["imchat:bot"]}})),
        ("a bot of a user-managed app", general(json!({"app": {"chatbot": {}}, "scopes": {"required": ["imchat:bot"]}}))),
        ("a bot without its scope", bot(json!({"scopes": {"required": ["user:read:user:admin"]}}))),
        ("domain validation without webhook", general(json!({"app": {"domainValidation": {"configMapKeyRef": {"name": "domain"}}}}))),
        ("an unknown kind of app", json!({"app": {"kind": "Chatbot"}})),
        ("a display name of 50 characters", json!({"app": {"displayName": "a".repeat(50)}})),
        ("namespaces of a ServerToServer app", json!({"allowedNamespaces": {"from": "All"}})),
        ("a selector of namespaces without labels", general(json!({"allowedNamespaces": {"from": "Selector"}}))),
        ("labels of namespaces without Selector", general(json!({"allowedNamespaces": {"from": "All", "selector": {}}}))),
        ("In without values", general(json!({"allowedNamespaces": {"from": "Selector", "selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}}))),
        ("accounts without a buffer", general(json!({"accounts": [claim("a")], "webhook": webhook(json!({}))["webhook"]}))),
        ("an account twice", general(json!({"accounts": [claim("a"), claim("a")], "webhook": webhook(json!({"buffer": {}}))["webhook"]}))),
        ("the number of an account, with blanks", accounts(json!({"accountId": "123 456 789"}))),
        ("a connection with its namespace", accounts(json!({"connection": "clinic/zoom"}))),
        ("a domain's file in a folder", domain_validation("zoom/verifyzoom.html")),
        ("an endpoint path without a slash", webhook(json!({"endpoint": {"host": "hooks.example.com", "path": "zoom"}}))),
        ("a sink path with a fragment", webhook(json!({"sink": {"http": {"url": null, "serviceRef": {"name": "sink", "path": "/in#zoom"}}}}))),
        ("a NATS server with a password", nats(json!({"url": "nats://me:secret@nats.messaging.svc"}))),
        ("a NATS subject with a wildcard", nats(json!({"subject": "zoom.*"}))),
        ("unclaimed accounts of a ServerToServer app", webhook(json!({"unclaimedAccounts": "Sink"}))),
        ("unclaimed accounts without a buffer", general(webhook(json!({"unclaimedAccounts": "Drop"})))),
        ("an empty template", general(json!({"oauth": {"redirectUrl": null, "consent": {"selfService": {"template": {}}}}}))),
        ("lifecycle events in Zoom's format", webhook(json!({"lifecycleEvents": {}, "sink": {"http": {"format": "Zoom"}}}))),
    ]
}

#[rustfmt::skip]
fn wrong_fields() -> Vec<Change> {
    let long = "a".repeat(4000);
    let endpoint = |change: Value| webhook(json!({"endpoint": {"host": "hooks.example.com", "ingress": change["ingress"], "gateway": change["gateway"]}}));
    vec![
        ("no scope", scopes(json!([]))),
        ("a scope with capitals", scopes(json!(["User:Read:Admin"]))),
        ("two scopes in one item", scopes(json!(["user:read:user:admin meeting:read:meeting:admin"]))),
        ("two scopes with a comma", scopes(json!(["user:read:user:admin,meeting:read:meeting:admin"]))),
        ("a scope of 4,000 characters", scopes(json!([long]))),
        ("a scope with an emoji", scopes(json!(["user:read:\u{1f389}:admin"]))),
        ("an empty scope", scopes(json!([""]))),
        ("a scope twice", scopes(json!(["user:read:user:admin", "user:read:user:admin"]))),
        ("a required scope that is no text", scopes(json!([7]))),
        ("a ServerToServer scope without level", scopes(json!(["user:read:user"]))),
        ("a classic ServerToServer scope without level", scopes(json!(["meeting:read"]))),
        ("an optional ServerToServer scope without level", json!({"scopes": {"optional": ["user:read:user"]}})),
        ("an optional scope with capitals", json!({"scopes": {"optional": ["User:Read"]}})),
        ("a scope required and optional", json!({"scopes": {"optional": [crate::bed::SCOPE]}})),
        ("a user-managed app with an admin scope", general(json!({"scopes": {"required": ["meeting:read:meeting:admin"]}}))),
        ("a user-managed app with a classic master scope", general(json!({"scopes": {"required": ["meeting:write:master"]}}))),
        ("a user-managed app with a four-part admin scope", general(json!({"scopes": {"required": ["phone:read:admin:sip"]}}))),
        ("a user-managed app with an optional admin scope", general(json!({"scopes": {"optional": ["user:read:admin"]}}))),
        ("an admin-managed app with a user scope", general(json!({"app": {"management": "Admin"}}))),
        ("External without readyWhen", general(json!({"oauth": {"consent": {"mode": "External"}}}))),
        ("a start link that is a script", general(json!({"readyWhen": "Installable", "oauth": {"consent": {"mode": "External", "startUrl": "javascript:alert(1)"}}}))),
        ("External without redirectUrl", general(json!({"readyWhen": "Connected", "oauth": {"redirectUrl": null, "consent": {"mode": "External"}}}))),
        ("External with selfService", general(json!({"readyWhen": "Connected", "oauth": {"consent": {"mode": "External", "selfService": {}}}}))),
        ("a redirect URL with http", general(json!({"oauth": {"redirectUrl": "http://clinic.example.com/callback"}}))),
        ("a redirect URL with a fragment", general(json!({"oauth": {"redirectUrl": "https://clinic.example.com/#callback"}}))),
        ("a redirect URL with a user", general(json!({"oauth": {"redirectUrl": "https://me@clinic.example.com/"}}))),
        ("a localhost redirect URL in Production", general(json!({"oauth": {"redirectUrl": "http://localhost:3000/callback"}}))),
        ("an allow list that does not cover", general(json!({"oauth": {"allowList": ["https://other.example.com"]}}))),
        ("an allow list that covers only a longer host", general(json!({"oauth": {"allowList": ["https://clinic.example.co"]}}))),
        ("a base URL in strict mode", general(json!({"oauth": {"strictMode": true, "allowList": ["https://clinic.example.com"]}}))),
        ("no sink", webhook(json!({"sink": {"http": null}}))),
        ("two sinks", webhook(json!({"sink": {"nats": {"url": "nats://nats.example.com"}}}))),
        ("an http sink without address", webhook(json!({"sink": {"http": {"url": null}}}))),
        ("an http sink with two addresses", webhook(json!({"sink": {"http": {"serviceRef": {"name": "sink"}}}}))),
        ("a sink URL with a password", webhook(json!({"sink": {"http": {"url": "http://me:secret@sink.example.com"}}}))),
        ("a sink URL without host", webhook(json!({"sink": {"http": {"url": "http:///path"}}}))),
        ("the label of an event", webhook(json!({"subscriptions": [{"name": "meetings", "events": ["Meeting has ended"]}]}))),
        ("the event of the validation", webhook(json!({"subscriptions": [{"name": "meetings", "events": ["endpoint.url_validation"]}]}))),
        ("an event without a dot", webhook(json!({"subscriptions": [{"name": "meetings", "events": ["app_deauthorized"]}]}))),
        ("two ways in", endpoint(json!({"ingress": {}, "gateway": {"parentRefs": [{"name": "gateway"}]}}))),
        ("an Ingress with a label of the operator's", endpoint(json!({"ingress": {"labels": {"app.kubernetes.io/managed-by": "me"}}}))),
        ("an Ingress with an annotation of kubectl's", endpoint(json!({"ingress": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}}))),
        ("a route with a label's value with spaces", endpoint(json!({"gateway": {"parentRefs": [{"name": "gateway"}], "labels": {"team": "a b"}}}))),
        ("a token Secret with an annotation of the operator's", json!({"token": {"annotations": {"zoom-operator.io/checksum": "x"}}})),
        ("a consumer of another kind", json!({"token": {"restart": {"workloads": [{"kind": "Pod", "name": "a"}]}}})),
        ("an unknown type of path", endpoint(json!({"ingress": {"pathType": "Regex"}}))),
        ("a Service's name that is an address", webhook(json!({"sink": {"http": {"url": null, "serviceRef": {"name": "10.96.0.1:8080/?"}}}}))),
        ("a host that is a URL", webhook(json!({"endpoint": {"host": "https://hooks.example.com"}}))),
        ("a host with a port", webhook(json!({"endpoint": {"host": "hooks.example.com:443"}}))),
        ("a host with a path", webhook(json!({"endpoint": {"host": "hooks.example.com/zoom"}}))),
        ("a host with capitals", webhook(json!({"endpoint": {"host": "Hooks.example.com"}}))),
        ("an unknown type of authentication", webhook(json!({"authentication": {"type": "Bearer"}}))),
        ("Basic with headerName", webhook(json!({"authentication": {"type": "Basic", "headerName": "X-Clinic"}}))),
        ("CustomHeader without headerName", webhook(json!({"authentication": {"type": "CustomHeader"}}))),
        ("a headerName with its value", webhook(json!({"authentication": {"type": "CustomHeader", "headerName": "X-Clinic: 7"}}))),
        ("an empty headerName", webhook(json!({"authentication": {"type": "CustomHeader", "headerName": ""}}))),
        ("a timeout beyond Zoom's patience, without buffer", timeout("2501ms")),
        ("a timeout of minutes, without buffer", timeout("1m")),
        ("a timeout of more than a minute", webhook(json!({"buffer": {}, "sink": {"http": {"timeout": "1m1ms"}}}))),
        ("a timeout of nothing", timeout("0s")),
        ("a timeout without unit", timeout("10")),
        ("a timeout with a fraction", timeout("2.5s")),
        ("a timeout that no clock counts", timeout("9999999999999999999s")),
        ("a buffer of a byte less than 16Mi", webhook(json!({"buffer": {"size": "16777215"}}))),
        ("a buffer size that is no quantity", webhook(json!({"buffer": {"size": "1 GB"}}))),
        ("an account that may take no buffer", webhook(json!({"buffer": {"accountShare": 0}}))),
        ("an account that may take more than the buffer", webhook(json!({"buffer": {"accountShare": 101}}))),
        ("a buffer size that is a number", webhook(json!({"buffer": {"size": 16_777_216}}))),
        ("a storage class for an Ephemeral buffer", webhook(json!({"buffer": {"storage": "Ephemeral", "storageClassName": "fast"}}))),
        ("days in a duration", webhook(json!({"buffer": {"maxAge": "7d"}}))),
        ("a quantity that is none", webhook(json!({"receiver": {"resources": {"limits": {"memory": "plenty"}}}}))),
        ("an operator class with capitals", json!({"operatorClass": "Blue"})),
        ("an operator class without a name", json!({"operatorClass": ""})),
        ("a spread that allows no difference", webhook(json!({"receiver": {"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "zone"}]}}))),
        ("a duration that no clock counts", webhook(json!({"buffer": {"maxAge": "9999999999999999999h"}}))),
        ("a duration of nothing", webhook(json!({"buffer": {"maxAge": "0s"}}))),
        ("an external reference with capitals", json!({"externalRefs": {"tenantId": "7"}})),
        ("an external reference named id", json!({"externalRefs": {"id": "7"}})),
        ("an external reference of the operator's", json!({"externalRefs": {"zoomaccount": "7"}})),
        ("a display name that is no text", json!({"app": {"displayName": {"not": "text"}}})),
        ("a credentials Secret without name", json!({"credentials": {"secretRef": {"name": ""}}})),
    ]
}

pub fn wrong_names() -> Vec<String> {
    let mut names: Vec<String> = ["a.b", "1st", "a-", "A"].map(Into::into).into();
    names.push("a".repeat(53));
    names
}

/// Changes that an accepted integration refuses: what it was, and what it may not become.
pub fn wrong_changes() -> Vec<(&'static str, Value, Value)> {
    vec![
        (
            "another kind",
            json!({}),
            json!({"app": {"kind": "General", "management": "Admin"}}),
        ),
        (
            "another management",
            general(json!({})),
            json!({"app": {"management": "Admin"}, "scopes": {"required": ["meeting:read:meeting:admin"]}}),
        ),
        (
            "another app id",
            json!({"app": {"id": "first"}}),
            json!({"app": {"id": "second"}}),
        ),
        (
            "no app id any more",
            json!({"app": {"id": "first"}}),
            json!({"app": {"id": null}}),
        ),
    ]
}

/// Cases about connections: the name and a merge patch for the `spec` of a sound one.
pub fn wrong_connections() -> Vec<(&'static str, String, Value)> {
    let ada = || "ada".to_owned();
    let subject = |subject: Value| json!({"subject": subject});
    vec![
        ("a connection with dots", "ada.lovelace".into(), json!({})),
        ("a connection of 53 characters", "a".repeat(53), json!({})),
        ("a connection for nobody", ada(), subject(json!({}))),
        (
            "a mail address without an at",
            ada(),
            subject(json!({"email": "ada"})),
        ),
        (
            "a reference with a reserved name",
            ada(),
            json!({"externalRefs": {"subject": "x"}}),
        ),
        (
            "a reference with capitals",
            ada(),
            json!({"externalRefs": {"doctorId": "17"}}),
        ),
        (
            "an unknown deletion policy",
            ada(),
            json!({"token": {"deletionPolicy": "Forget"}}),
        ),
        (
            "an integration of a namespace with dots",
            ada(),
            json!({"integrationRef": {"namespace": "a.b"}}),
        ),
        ("a sink that is none", ada(), json!({"sink": {}})),
        (
            "Zoom's format without a secret to sign with",
            ada(),
            json!({"sink": {"http": {"url": "https://a.example", "format": "Zoom"}}}),
        ),
        (
            "a token Secret with spaces",
            ada(),
            json!({"token": {"secretName": "my token"}}),
        ),
    ]
}

#[rustfmt::skip]
pub fn right() -> Vec<Change> {
    vec![
        ("four-part classic names", scopes(json!(["phone:read:admin:sip", "phone_sms:write:admin", "meeting:write:sip_dialing:admin"]))),
        ("names without level", scopes(json!(["imchat:bot", "imchat:userapp", "marketplace:read:manifest", "scim2", crate::bed::SCOPE]))),
        ("zoomapp:inmeeting", general(json!({"scopes": {"required": ["zoomapp:inmeeting"]}}))),
        ("master in place of admin", scopes(json!(["meeting:read:master", "account:read:sub_account:master"]))),
        ("a user scope whose name contains admin", general(json!({"scopes": {"required": ["user:read:administrators"]}}))),
        ("an admin-managed app", general(json!({"app": {"management": "Admin"}, "scopes": {"required": ["meeting:read:meeting:admin"]}}))),
        ("localhost in Development", general(json!({"app": {"environment": "Development"}, "oauth": {"redirectUrl": "http://localhost:3000/callback"}}))),
        ("a base URL in the allow list", general(json!({"oauth": {"allowList": ["https://clinic.example.com"]}}))),
        ("strict mode with the URL itself", general(json!({"oauth": {"strictMode": true, "allowList": ["https://clinic.example.com/callback"]}}))),
        ("a display name of 49 characters", json!({"app": {"displayName": "a".repeat(49)}})),
        ("an emoji in a display name", json!({"app": {"displayName": "\u{1f389} Klinik Süd"}})),
        ("no subscription", webhook(json!({"subscriptions": null}))),
        ("quantities as text and as number", webhook(json!({"receiver": {"resources": {"limits": {"memory": "64Mi", "cpu": 1}}}}))),
        ("hours and minutes", webhook(json!({"buffer": {"maxAge": "1h30m"}}))),
        ("an external reference", json!({"externalRefs": {"tenantid": "7\u{1f389}"}})),
        ("a sink URL with port and query", webhook(json!({"sink": {"http": {"url": "https://sink.example.com:8443/in?tenant=a"}}}))),
        ("Basic authentication", webhook(json!({"authentication": {"type": "Basic"}}))),
        ("a custom header", webhook(json!({"authentication": {"type": "CustomHeader", "headerName": "X-Clinic-7"}}))),
        ("Zoom's patience, without buffer", timeout("2500ms")),
        ("the same in two parts", timeout("2s500ms")),
        ("a minute, with buffer", webhook(json!({"buffer": {}, "sink": {"http": {"timeout": "1m"}}}))),
        ("an Ingress with labels, annotations and a type of path", webhook(json!({"endpoint": {"host": "hooks.example.com", "ingress": {"labels": {"team": "a"}, "annotations": {"cert-manager.io/issuer": "i"}, "pathType": "Prefix"}}}))),
        ("a token Secret with labels, and consumers to restart", json!({"token": {"labels": {"team": "a"}, "annotations": {"x.example/y": "z"}, "restart": {"when": "EveryToken", "workloads": [{"kind": "DaemonSet", "name": "a"}]}}})),
        ("an operator class", json!({"operatorClass": "gov-2"})),
        ("affinity, spread and pull Secrets", webhook(json!({"receiver": {
            "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": {"topologyKey": "zone"}}]}},
            "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
            "imagePullSecrets": [{"name": "registry"}]}}))),
        ("a buffer that one account may fill", webhook(json!({"buffer": {"accountShare": 100}}))),
        ("the smallest buffer", webhook(json!({"buffer": {"size": "16Mi"}}))),
        ("a fraction of a buffer size", webhook(json!({"buffer": {"size": "1.5Gi"}}))),
        ("a storage class, Persistent unsaid", webhook(json!({"buffer": {"storageClassName": "fast"}}))),
        ("a storage class, Persistent said", webhook(json!({"buffer": {"storage": "Persistent", "storageClassName": "fast"}}))),
        ("an Ephemeral buffer with a size", webhook(json!({"buffer": {"storage": "Ephemeral", "size": "64Mi"}}))),
        ("a host with digits and hyphens", webhook(json!({"endpoint": {"host": "7.hooks-eu.example.com"}}))),
        ("Connected, said for a ServerToServer app", json!({"readyWhen": "Connected"})),
        ("a bot", bot(json!({"token": {"secretName": "bot"}}))),
        ("domain validation", domain_validation("a_b.html")),
        ("a WebhookOnly app", webhook_only(json!({}))),
        ("an app for many tenants", general(json!({
            "allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"tenant": "yes"}, "matchExpressions": [{"key": "plan", "operator": "NotIn", "values": ["free"]}]}},
            "accounts": [claim("a"), claim("b")],
            "webhook": webhook(json!({"buffer": {}, "unclaimedAccounts": "DeadLetter"}))["webhook"],
            "oauth": {"redirectUrl": null, "consent": {"selfService": {"template": {"namespace": "clinic", "sink": {"http": {"serviceRef": {"name": "sink"}}}}}}},
        }))),
        ("another name for its secret token", webhook_only(json!({"credentials": {"keys": {"webhookSecretToken": "token"}}}))),
    ]
}
