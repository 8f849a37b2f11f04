//! All reasons. A spelling is part of the API and never changes; add a row for a new one.

use super::entry::{Actor, Entry, Topic};
use crate::api::condition::{Status, Type};

macro_rules! register {
    ($(
        $(#[doc = $meaning:literal])+
        $variant:ident = $name:literal
            in [$($topic:ident)*]
            on [$($type_:ident($($status:ident)+))*]
            for $actor:ident: $remedy:literal;
    )+) => {
        /// Why a condition has its status, why an attempt failed, what an Event is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub enum Reason {
            /// Stored by another version and unknown to this one. Never written on purpose.
            #[default]
            Unrecognized,
            $(
                $(#[doc = $meaning])+
                $variant,
            )+
        }

        impl Reason {
            /// Every reason of this version.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The register's entry for it.
            #[must_use]
            pub const fn entry(self) -> Entry {
                match self {
                    Self::Unrecognized => Entry {
                        name: "Unrecognized",
                        meaning: "stored by another version of the operator",
                        actor: Actor::Nobody,
                        remedy: "",
                        topics: &[],
                        conditions: &[],
                    },
                    $(Self::$variant => Entry {
                        name: $name,
                        meaning: concat!($($meaning),+).trim_ascii(),
                        actor: Actor::$actor,
                        remedy: $remedy,
                        topics: &[$(Topic::$topic),*],
                        conditions: &[$((Type::$type_, &[$(Status::$status),+])),*],
                    },)+
                }
            }
        }
    };
}

register! {
    // === Any resource ===

    /// the first token is being requested
    RequestingToken = "RequestingToken" in [Integration Connection] on [Ready(Unknown False)]
        for Nobody: "";
    /// a Secret or a key in it is missing
    AwaitingCredentials = "AwaitingCredentials" in [Integration Connection] on [Ready(False) CredentialsValid(False)]
        for AppOwner: "create it; the message names it";
    /// usable: the token is valid and all required scopes are granted; of a General app, at least one connection is connected
    Connected = "Connected" in [Integration Connection Consent] on [Ready(True)]
        for Nobody: "";
    /// everything is in place, and nobody has authorized the app yet
    ReadyToInstall = "ReadyToInstall" in [Integration Connection] on [Ready(True False)]
        for AuthorizingPerson: "open `status.installUrl` and authorize the app; `status.consent` of a connection says how the last attempt ended";
    /// Zoom granted less than `scopes.required`; the token is published all the same
    MissingScopes = "MissingScopes" in [Integration Connection Consent] on [Ready(False) ScopesGranted(False)]
        for AppOwner: "add what `status.scopes.missing` lists to the app in Zoom; for a General app the person then authorizes again, because a grant keeps its scopes";
    /// scopes are missing, which Zoom may correct within seconds after a change; the operator asks again
    ScopesPending = "ScopesPending" in [Integration Connection] on [Ready(Unknown False)]
        for Nobody: "";
    /// the published token has expired, and the operator cannot refresh it
    TokenExpired = "TokenExpired" in [Integration Connection] on [Ready(Unknown False)]
        for Nobody: "`TokenFresh` has the reason";
    /// the token was issued and could not be written to its Secret
    TokenSecretNotWritten = "TokenSecretNotWritten" in [Integration Connection] on [Ready(Unknown False) TokenFresh(False)]
        for PlatformEngineer: "the message quotes the API server. Allow the Secret in the policy, quota or RBAC rule that refuses it";
    /// something else changes or deletes the token Secret after each write; it is written again every two minutes
    TokenSecretContested = "TokenSecretContested" in [Integration] on [Ready(Unknown False) TokenFresh(False)]
        for PlatformEngineer: "stop the other writer, or give the Secret another name (`token.secretName`)";
    /// the last token request succeeded
    Refreshed = "Refreshed" in [Integration Connection] on [TokenFresh(True)]
        for Nobody: "";
    /// there is no token yet
    NoToken = "NoToken" in [Integration Connection] on [TokenFresh(Unknown) ScopesGranted(Unknown)]
        for Nobody: "";
    /// all required scopes are granted
    Granted = "Granted" in [Integration Connection] on [ScopesGranted(True)]
        for Nobody: "";
    /// another Secret already has a name that the operator needs, or the Secret of a grant was changed by hand
    SecretConflict = "SecretConflict" in [Integration Connection] on [Ready(False) TokenFresh(False)]
        for AppOwner: "delete or rename the Secret that the message names, or set `token.secretName`";
    /// a field is not supported by this version of the operator or by its configuration
    NotSupported = "NotSupported" in [Integration Connection] on [Ready(False)]
        for AppOwner: "change what the message names; consent pages need the chart's `connect.url`";
    /// `spec.suspend` is set; other reasons stay as they were
    Suspended = "Suspended" in [Integration Connection Delivery] on [Ready(Unknown) EventsDelivered(Unknown)]
        for AppOwner: "remove `spec.suspend`";
    /// the resource was written for a newer version of the operator
    Unreadable = "Unreadable" in [Integration Connection] on [Ready(False)]
        for PlatformEngineer: "upgrade the operator, or correct the resource";
    /// the operator lacks a permission in the namespace, so it neither sees nor changes anything there; its token is not renewed
    NotPermitted = "NotPermitted" in [Integration Connection] on [Ready(False)]
        for PlatformEngineer: "give the operator its Role in the namespace, which `helm upgrade` with `watchNamespaces` writes; the message quotes the API server. It tries again every minute and needs no restart";
    /// the operator could not finish its work on the object several times in a row; `Ready` and `TokenFresh` become False once the token is due
    NotReconciled = "NotReconciled" in [Integration Connection] on [Ready(Unknown False) TokenFresh(False) Reconciling(True)]
        for PlatformEngineer: "the message, also of `Reconciling`, has the cause, mostly in the words of the API server: an admission policy, an immutable Secret, an object that this version cannot read. It tries again every minute";

    // === Integrations ===

    /// no connection is connected, and some lost their grant
    ReauthorizationRequired = "ReauthorizationRequired" in [Integration] on [Ready(False)]
        for AuthorizingPerson: "open `status.installUrl` of the ZoomConnection, whose status says why";
    /// Zoom accepts the credentials
    Accepted = "Accepted" in [Integration] on [CredentialsValid(True)]
        for Nobody: "";
    /// Zoom has not judged these credentials yet
    NotTried = "NotTried" in [Integration] on [CredentialsValid(Unknown)]
        for Nobody: "";
    /// other integrations have the same app, and Zoom accepted the credentials of all of them
    AppShared = "AppShared" in [Integration] on [AppExclusive(False)]
        for AppOwner: "keep one of them, or create an app for each; the message names those of the same namespace only";
    /// Zoom gave a token and refuses the call of `credentials.probe` with it; the token is published all the same
    ProbeRefused = "ProbeRefused" in [Integration] on [Ready(False) TokenFresh(False)]
        for AppOwner: "add the scope that the call needs, or change `credentials.probe.path`; the message has Zoom's words";
    /// `oauth.redirectUrl` is not the callback of the operator, which hosts the consent pages
    RedirectUrlMismatch = "RedirectUrlMismatch" in [Integration] on [Ready(False)]
        for AppOwner: "set `oauth.redirectUrl` to `status.redirectUrl` or remove it, or set `oauth.consent.mode: External`";
    /// the receiver accepts requests
    Available = "Available" in [Integration] on [ReceiverAvailable(True)]
        for Nobody: "";
    /// the receiver does not accept requests yet; the message says what its Pods lack
    ReceiverUnavailable = "ReceiverUnavailable" in [Integration] on [Ready(Unknown False) ReceiverAvailable(False)]
        for PlatformEngineer: "look at the receiver's Pods if it lasts";
    /// the receiver's objects could not be written
    ReceiverNotApplied = "ReceiverNotApplied" in [Integration] on [Ready(Unknown False) ReceiverAvailable(False)]
        for PlatformEngineer: "the message quotes the API server. Allow the object in the policy, quota or RBAC rule that refuses it";
    /// the receiver accepts requests, and the API server refused an update or the removal of its objects
    UpdateRefused = "UpdateRefused" in [Integration] on [ReceiverAvailable(True)]
        for PlatformEngineer: "the message quotes the API server. Allow the update in the policy, quota or RBAC rule that refuses it, or change the field that it refuses";
    /// the receiver accepts requests, and Pods with its current settings do not become available: the former ones keep serving, with the former settings
    RolloutStuck = "RolloutStuck" in [Integration] on [ReceiverAvailable(True)]
        for PlatformEngineer: "the message says what keeps the Pods from running. Make room in the quota, change the policy or the image, or take back the change";
    /// the receiver accepts requests, and labels or annotations of its Pods, Ingress or `HTTPRoute` are not applied, because the operator's configuration does not allow their keys
    MetadataRefused = "MetadataRefused" in [Integration] on [ReceiverAvailable(True)]
        for AppOwner: "remove the keys that the message names, or ask the platform engineer to add them to `allowedLabels` or `allowedAnnotations` of `receiver.endpoint` or `receiver.pods` of the chart";
    /// the receiver accepts requests, and its Pods do not have the priority class of `webhook.receiver.priorityClassName`, because the operator's configuration does not allow it
    PriorityClassRefused = "PriorityClassRefused" in [Integration] on [ReceiverAvailable(True)]
        for AppOwner: "remove `webhook.receiver.priorityClassName` or name a class that is allowed, or ask the platform engineer to add it to `receiver.pods.allowedPriorityClasses` of the chart";
    /// the integration is being deleted and waits for stored events
    Deleting = "Deleting" in [Integration] on [Ready(False)]
        for Nobody: "";
    /// another object already has a name that the receiver needs
    ReceiverConflict = "ReceiverConflict" in [Integration] on [Ready(False) ReceiverAvailable(False)]
        for AppOwner: "delete or rename the object that the message names";
    /// Zoom has not validated the webhook URL yet
    NotValidated = "NotValidated" in [Integration] on [Ready(False) EndpointValidated(Unknown)]
        for AppOwner: "paste the URL into Zoom's form and press Validate";
    /// a request arrived whose signature does not match
    SignatureMismatch = "SignatureMismatch" in [Integration] on [EndpointValidated(Unknown)]
        for AppOwner: "compare the Secret Token in Zoom with the one in the credentials Secret";
    /// Zoom validated the webhook URL within the last 72 hours; in `Ready` of a `WebhookOnly` app, sent a signed request within the last 84
    Validated = "Validated" in [Integration Endpoint] on [Ready(True) EndpointValidated(True) EndpointReachable(True)]
        for Nobody: "";
    /// Zoom last validated the webhook URL more than 72 hours ago. `Ready` of a `WebhookOnly` app changes only when no signed request has arrived for 84 hours
    ValidationOverdue = "ValidationOverdue" in [Integration] on [Ready(Unknown False) EndpointValidated(False)]
        for PlatformEngineer: "check that the URL is reachable from the internet; Zoom stops sending after six failures";

    // === Webhooks ===

    /// the Secret of `credentialsSecretRef` does not exist
    SinkCredentialsMissing = "SinkCredentialsMissing" in [Webhook] on [Ready(False)]
        for AppOwner: "create it with the label `zoom-operator.io/use=sink`";
    /// that Secret lacks the label `zoom-operator.io/use=sink`, without which no receiver gets a Secret
    SinkCredentialsNotLabelled = "SinkCredentialsNotLabelled" in [Webhook] on [Ready(False)]
        for AppOwner: "`kubectl label secret -n NAMESPACE SECRET zoom-operator.io/use=sink`";
    /// the Service of `serviceRef` is of type `ExternalName` and may lead anywhere
    SinkServiceExternal = "SinkServiceExternal" in [Webhook] on [Ready(False)]
        for AppOwner: "name a Service with Pods, or set `sink.http.url`";
    /// the cluster does not know the kind `HTTPRoute`; the operator looks again every minute
    GatewayApiMissing = "GatewayApiMissing" in [Webhook] on [Ready(False)]
        for PlatformEngineer: "install the Gateway API, or use `endpoint.ingress`";
    /// the operator's configuration does not give this host to this namespace
    HostNotAllowed = "HostNotAllowed" in [Webhook] on [Ready(False)]
        for AppOwner: "choose another `endpoint.host`, or ask the platform engineer to allow it in `receiver.hosts` of the chart";
    /// another integration has the host (in another namespace) or the host and path (in this one); if none has it yet, the oldest gets it
    HostClaimed = "HostClaimed" in [Webhook] on [Ready(False)]
        for AppOwner: "choose another `endpoint.host` or `endpoint.path`, or delete the other integration";
    /// `buffer.size` or `buffer.storageClassName` changed, and the volume cannot follow: its storage class does not allow expansion, or the change is a smaller size or another class; the receiver continues with the volume that it has
    BufferImmutable = "BufferImmutable" in [Webhook] on [Ready(False)]
        for AppOwner: "set the field back, or ask for a StorageClass with `allowVolumeExpansion`; for another volume set `buffer.storage: Ephemeral` first";

    // === Stored events ===

    /// stored events reach the sink; some may wait for up to five minutes
    Delivered = "Delivered" in [Delivery] on [EventsDelivered(True)]
        for Nobody: "";
    /// a receiver or some of its Pods are being removed and deliver first what they have stored; the message counts it. A Pod that cannot be asked counts as not empty
    Draining = "Draining" in [Delivery] on [EventsDelivered(False)]
        for Nobody: "";
    /// the buffer is full; Zoom gets 503 and repeats for 85 minutes
    BufferFull = "BufferFull" in [Delivery] on [EventsDelivered(False)]
        for AppOwner: "make the sink accept events again";
    /// the receiver cannot use its store: the volume is read-only, failing or full, or another process has it; Zoom gets 503 and repeats for 85 minutes
    BufferFailed = "BufferFailed" in [Delivery] on [EventsDelivered(False)]
        for PlatformEngineer: "repair the volume that the message names, and delete the Pod if it does not recover: [runbook](runbooks.md#zoombufferfailed)";
    /// the store of a buffer was damaged and was moved aside; the events in it are not delivered. Told until somebody removes the file and the receiver starts again
    StoreDamaged = "StoreDamaged" in [Delivery] on [EventsDelivered(False)]
        for PlatformEngineer: "copy the file that the message names, remove it, and delete the Pod: [runbook](runbooks.md#zoomstoredamaged)";
    /// for 20 minutes a receiver has answered 503 to every request with a right signature, for a trouble of its own that the message names: too little CPU or memory, a disk that hangs
    EventsNotTaken = "EventsNotTaken" in [Delivery] on [EventsDelivered(False)]
        for PlatformEngineer: "give the receiver more CPU, memory or replicas (`webhook.receiver`), or repair its volume: [runbook](runbooks.md#zoomeventsnottaken)";
    /// with a buffer: the oldest event has been waiting for more than five minutes; the message says whether it is more than an hour, six hours or a day. Without one: deliveries fail, and Zoom repeats each for 85 minutes
    SinkFailing = "SinkFailing" in [Delivery] on [EventsDelivered(False)]
        for AppOwner: "make the sink accept events again; the receiver's log says how it fails";
    /// the receiver has dead letters: events that could not be delivered. It keeps them; `status.webhook.buffer.deadLetters` counts them
    DeadLetters = "DeadLetters" in [Delivery] on [EventsDelivered(False)]
        for AppOwner: "look at them, then replay or drop them: [runbook](runbooks.md#zoomdeadletters)";
    /// the Service of `sink.http.serviceRef` does not exist, or has no such port; seen before the first event
    SinkServiceMissing = "SinkServiceMissing" in [Delivery] on [EventsDelivered(False)]
        for AppOwner: "create the Service, or correct `sink.http.serviceRef`";
    /// the receiver tried to reach the sink without an event: the name has no address, the address is not allowed, nothing accepts connections, or a NATS server refused the log-in
    SinkUnreachable = "SinkUnreachable" in [Delivery] on [EventsDelivered(False)]
        for AppOwner: "correct the field of `webhook.sink` that the message names";
    /// the sink refuses some events and accepts others: [what happens next](events.md#an-event-that-the-sink-does-not-accept)
    EventsSetAside = "EventsSetAside" in [Delivery] on [EventsDelivered(False)]
        for AppOwner: "find the cause in the log of the sink";
    /// no event has arrived yet
    NothingDelivered = "NothingDelivered" in [Delivery] on [EventsDelivered(Unknown)]
        for Nobody: "";
    /// the receiver cannot be asked what it has stored
    ReceiverSilent = "ReceiverSilent" in [Delivery] on [EventsDelivered(Unknown) EventsVerified(Unknown)]
        for PlatformEngineer: "look at the receiver's Pods and NetworkPolicies if it lasts; in a service mesh let ports 8082 and 8083 past the sidecar";

    // === What arrives ===

    /// requests are signed with the app's secret token
    SignatureVerified = "SignatureVerified" in [Delivery] on [EventsVerified(True)]
        for Nobody: "";
    /// two or more requests in a row are signed with another secret token: it was regenerated in Zoom, or copied from another app or environment; or something in front of the receiver changes bodies, for example by writing JSON again. After a valid signature Zoom gets 503 and repeats each event for 85 minutes; before the first one it gets 401. Unknown while they may be strangers': Zoom sent a valid request within 84 hours, and these have not gone on for 20 minutes, as Zoom's repeats do; once they have stopped for 90 minutes they are ignored
    UnknownSignature = "UnknownSignature" in [Delivery] on [EventsVerified(Unknown False)]
        for AppOwner: "copy the Secret Token from the app's page in Zoom (General app: Features > Access; other apps: Feature) into the key `webhook-secret-token`. If it is the same, make the gateway, proxy or firewall in front pass request bodies on unchanged";
    /// Zoom's URL validation is signed with the app's secret token and asks for the signature of a text that the receiver does not sign
    ValidationRefused = "ValidationRefused" in [Delivery] on [EventsVerified(False)]
        for PlatformEngineer: "validate again in Zoom's form; if that fails too, upgrade the operator or report it";
    /// two or more requests in a row have a JSON body and lack Zoom's signature headers. False if the operator's own POST to the URL lost them too. Unknown if the operator cannot try the URL: anybody can send such requests. If its POST arrives with the headers, they are not Zoom's, and are ignored
    SignatureHeadersMissing = "SignatureHeadersMissing" in [Delivery] on [EventsVerified(Unknown False)]
        for PlatformEngineer: "let the gateway or proxy in front pass on the headers `x-zm-signature` and `x-zm-request-timestamp`";
    /// requests are signed with the app's secret token, and Zoom's extra authentication (`webhook.authentication`) is missing or wrong. Zoom gets 503 and repeats each event for 85 minutes
    AuthenticationMismatch = "AuthenticationMismatch" in [Delivery] on [EventsVerified(False)]
        for AppOwner: "make the value in Zoom's form (the endpoint's authentication) and the keys of the credentials Secret that the message names the same";
    /// two or more requests in a row are signed with the app's secret token for a time that is more than two hours from the receiver's clock. Zoom gets 503 and repeats each event for 85 minutes
    ClockSkew = "ClockSkew" in [Delivery] on [EventsVerified(False)]
        for PlatformEngineer: "correct the clocks of the nodes with the receiver's Pods. If they are right, somebody sends old requests again; the next event from Zoom clears this condition";
    /// a notice that a user removed the app has a wrong signature or a wrong time. The operator ignores it and asks Zoom instead, at most once an hour for each user. Unknown if Zoom sent a valid request within 84 hours: anybody can send such a notice
    RemovalNotVerified = "RemovalNotVerified" in [Delivery] on [EventsVerified(Unknown False)]
        for AppOwner: "check that `webhook-secret-token` is the secret token of this app and environment";
    /// no signed request has arrived yet
    NothingArrived = "NothingArrived" in [Delivery] on [EventsVerified(Unknown)]
        for Nobody: "";

    // === The public address ===

    /// the receiver of this integration answered
    Reachable = "Reachable" in [Endpoint] on [EndpointReachable(True)]
        for Nobody: "";
    /// no Gateway serves the `HTTPRoute`: its status says `Accepted` False or `ResolvedRefs` False for each Gateway
    RouteRefused = "RouteRefused" in [Endpoint] on [EndpointReachable(False)]
        for AppOwner: "read the message, which quotes the Gateway; correct `endpoint.host` or `endpoint.gateway.parentRefs`, or ask the platform engineer to let the Gateway accept routes from this namespace";
    /// the URL is not https with a host name
    UrlUnusable = "UrlUnusable" in [Endpoint] on [EndpointReachable(False)]
        for AppOwner: "correct `endpoint.host`";
    /// the host has no address
    NameNotFound = "NameNotFound" in [Endpoint] on [EndpointReachable(False)]
        for PlatformEngineer: "create the DNS record";
    /// the host resolves to loopback, a link-local or metadata address, or to the cluster's API; the operator does not check these
    AddressRefused = "AddressRefused" in [Endpoint] on [EndpointReachable(False)]
        for PlatformEngineer: "correct the DNS record";
    /// no connection to port 443: refused, no answer, or no route
    ConnectionFailed = "ConnectionFailed" in [Endpoint] on [EndpointReachable(False)]
        for PlatformEngineer: "open port 443 of the ingress or gateway to the internet";
    /// no TLS on that port, only old versions, or no certificate for the host
    HandshakeFailed = "HandshakeFailed" in [Endpoint] on [EndpointReachable(False)]
        for PlatformEngineer: "configure TLS 1.2 or newer for the host";
    /// the certificate is expired, not yet valid, for other hosts, self-signed, or sent without its intermediate
    CertificateInvalid = "CertificateInvalid" in [Endpoint] on [EndpointReachable(False)]
        for PlatformEngineer: "install a certificate of a public authority with its chain";
    /// no answer in 3 seconds, or none in HTTP/1.1
    NoAnswer = "NoAnswer" in [Endpoint] on [EndpointReachable(False Unknown)]
        for PlatformEngineer: "check the proxy, Ingress or Gateway in front of the receiver";
    /// a redirect; Zoom follows none
    Redirected = "Redirected" in [Endpoint] on [EndpointReachable(False)]
        for PlatformEngineer: "remove the redirect for this path";
    /// 404: host or path unknown in front; 401, 403: a login or filter in front; 502 to 504: what is in front cannot reach the receiver
    UnexpectedStatus = "UnexpectedStatus" in [Endpoint] on [EndpointReachable(False)]
        for PlatformEngineer: "correct the ingress, gateway or filter that answers";
    /// another server answers
    OtherServer = "OtherServer" in [Endpoint] on [EndpointReachable(False)]
        for PlatformEngineer: "correct the DNS record or the route";
    /// a GET reaches the receiver, and a POST, which is what Zoom sends, does not
    PostRefused = "PostRefused" in [Endpoint] on [EndpointReachable(False)]
        for PlatformEngineer: "allow POST for the path in what stands in front of the receiver";
    /// a POST reaches the receiver without the headers `x-zm-signature` and `x-zm-request-timestamp`
    HeadersRemoved = "HeadersRemoved" in [Endpoint] on [EndpointReachable(False)]
        for PlatformEngineer: "let what stands in front of the receiver pass the headers on";
    /// the receiver was reached, and its clock is more than five minutes from the operator's
    OtherClock = "OtherClock" in [Endpoint] on [EndpointReachable(Unknown)]
        for PlatformEngineer: "correct the clocks of the nodes";
    /// no name server answered
    ResolverFailed = "ResolverFailed" in [Endpoint] on [EndpointReachable(Unknown)]
        for Nobody: "if it lasts, check the cluster's DNS";
    /// the receiver was reachable and accepts no requests now; tried again once it does
    ReceiverDown = "ReceiverDown" in [Endpoint] on [EndpointReachable(Unknown)]
        for Nobody: "`ReceiverAvailable` has the reason";
    /// not checked yet: the receiver does not accept requests, the secret token is missing, or the integration is suspended
    NotChecked = "NotChecked" in [Endpoint] on [EndpointReachable(Unknown)]
        for Nobody: "";

    // === Zoom's answers ===

    /// client id and secret do not belong together, or are from the other environment
    CredentialsRejected = "CredentialsRejected" in [Zoom] on [Ready(False) TokenFresh(False) CredentialsValid(False)]
        for AppOwner: "copy client id and client secret again, from the same tab of the app's credentials";
    /// the app is of another kind than `spec.app.kind`
    WrongAppKind = "WrongAppKind" in [Zoom] on [Ready(False) TokenFresh(False) CredentialsValid(False)]
        for AppOwner: "use other credentials, or a new resource with the other kind";
    /// wrong account id, or the app is not activated; Zoom does not say which
    AccountRejected = "AccountRejected" in [Zoom] on [Ready(False) TokenFresh(False) CredentialsValid(False)]
        for AppOwner: "copy the account id again, and activate the app";
    /// the app is deactivated, or Zoom disabled it
    AppDisabled = "AppDisabled" in [Zoom] on [Ready(False) TokenFresh(False) CredentialsValid(False)]
        for AppOwner: "activate the app in Zoom, or ask Zoom why it is disabled";
    /// the Zoom administrator of the account does not allow the app
    DisabledByAdmin = "DisabledByAdmin" in [Zoom] on [Ready(False) TokenFresh(False) CredentialsValid(False)]
        for ZoomAdministrator: "approve the app in the Zoom App Marketplace";
    /// the Zoom user who owns the app or grant no longer exists
    OwnerGone = "OwnerGone" in [Zoom Grant] on [Ready(False) TokenFresh(False) CredentialsValid(False)]
        for AppOwner: "move the app to another owner; for a connection, another person authorizes another connection";
    /// the grant was invalidated, revoked, unused for 90 days, or replaced by a newer authorization
    GrantLost = "GrantLost" in [Zoom Grant] on [Ready(False) TokenFresh(False) CredentialsValid(False)]
        for AuthorizingPerson: "open the link and authorize again. If many connections of an app say so after a change of its Secret, check the Secret first: [the refresh tokens are kept for a while](general-apps.md#lifetimes-and-deadlines)";
    /// the redirect URL is not the one in Zoom's form
    RedirectMismatch = "RedirectMismatch" in [Zoom] on [Ready(False) TokenFresh(False) CredentialsValid(False)]
        for AppOwner: "paste `status.redirectUrl` into Zoom's form, and into its allow list";
    /// too many requests for this account; retried when Zoom allows it
    RateLimited = "RateLimited" in [Zoom] on [Ready(Unknown False) TokenFresh(False) CredentialsValid(Unknown)]
        for Nobody: "";
    /// Zoom answers 5xx; retried
    ZoomUnavailable = "ZoomUnavailable" in [Zoom] on [Ready(Unknown False) TokenFresh(False) CredentialsValid(Unknown)]
        for Nobody: "";
    /// no answer: DNS, connection, TLS, timeout; retried
    ZoomUnreachable = "ZoomUnreachable" in [Zoom] on [Ready(Unknown False) TokenFresh(False) CredentialsValid(Unknown)]
        for Nobody: "if it lasts, check egress from the operator's namespace to Zoom: DNS, NetworkPolicy, firewall, proxy";
    /// an answer that is not Zoom's; retried
    ZoomUnintelligible = "ZoomUnintelligible" in [Zoom] on [Ready(Unknown False) TokenFresh(False) CredentialsValid(Unknown)]
        for Nobody: "if it lasts, look for a proxy between the operator and Zoom, and check the chart's `zoom.oauthUrl`";
    /// a refusal that Zoom does not document; retried
    ZoomRefused = "ZoomRefused" in [Zoom] on [Ready(Unknown False) TokenFresh(False) CredentialsValid(Unknown)]
        for Nobody: "if it lasts, compare the app's settings in Zoom with the spec; the message quotes Zoom";

    // === Grants ===

    /// Zoom replaced the refresh token, and its answer was lost: [grants.md](grants.md#what-nobody-can-avoid)
    ReplyLost = "ReplyLost" in [Grant] on [Ready(False) TokenFresh(False)]
        for AuthorizingPerson: "open the link and authorize again";
    /// the person or an administrator removed the app, and the tokens are erased
    Deauthorized = "Deauthorized" in [Grant] on [Ready(False) TokenFresh(False)]
        for AppOwner: "delete the person's data by the day that the message names; to connect again, the person opens the link";
    /// `zoom-operator grants export` handed the grant over to another cluster, and its tokens are erased here
    Exported = "Exported" in [Grant] on [Ready(False) TokenFresh(False)]
        for AppOwner: "delete the connection here, with `deletionPolicy: Delete`; to use it here again, the person opens the link, which ends the grant in the other cluster";
    /// somebody deleted the Secret of the grant. Not in `status.grant.lost`
    GrantDeleted = "GrantDeleted" in [Grant] on [Ready(False)]
        for AuthorizingPerson: "open the link and authorize again";
    /// the grant was copied here from another namespace or cluster, or left by an earlier connection of this name, and is not used. Not in `status.grant.lost`
    GrantCopied = "GrantCopied" in [Grant] on [Ready(False)]
        for AuthorizingPerson: "authorize here; see [Moving and restoring](general-apps.md#moving-and-restoring-a-cluster)";
    /// the credentials Secret holds another client id than the one that the grant was given to. Nothing is sent to Zoom, and the grant is kept. Not in `status.grant.lost`
    ClientIdChanged = "ClientIdChanged" in [Grant] on [Ready(Unknown False) TokenFresh(False)]
        for AppOwner: "put back client id and secret of the app and environment that was authorized; the connection then works again by itself. If the app was replaced on purpose, the person opens the link";
    /// the grant expires within two weeks unless it is used
    GrantExpiring = "GrantExpiring" in [Connection] on [TokenFresh(False)]
        for AppOwner: "resume the integration or repair what keeps the grant from being refreshed";

    // === Connections ===

    /// there is no integration of that name in the namespace
    IntegrationNotFound = "IntegrationNotFound" in [Connection] on [Ready(Unknown False)]
        for AppOwner: "create it; to correct a wrong name, create another connection";
    /// there is no integration of that name in the other namespace, or it does not allow this namespace. No token is refreshed and no event is sent; the grant is kept for a while and works again once the namespace is allowed
    NamespaceNotAllowed = "NamespaceNotAllowed" in [Connection] on [Ready(False) NamespaceAllowed(False)]
        for PlatformEngineer: "set `allowedNamespaces` of the integration, or the labels of the namespace that it selects; to correct a wrong name, create another connection";
    /// the integration of the other namespace allowed this one, and since the operator got `watchNamespaces` it cannot see whether that is still so: it watches no labels, or not that namespace. Nothing is removed; tokens are refreshed unless `Ready` is False
    NamespaceNotWatched = "NamespaceNotWatched" in [Connection] on [Ready(False) NamespaceAllowed(Unknown)]
        for PlatformEngineer: "add the integration's namespace to `watchNamespaces`; instead of a selector, set `allowedNamespaces.from: All`";
    /// the integration of the other namespace allows this one
    NamespaceIsAllowed = "NamespaceIsAllowed" in [Connection] on [NamespaceAllowed(True)]
        for Nobody: "";
    /// the Secret of `importSecretRef` or its key `refresh-token` is missing
    AwaitingImport = "AwaitingImport" in [Connection] on [Ready(False)]
        for AppOwner: "create it";
    /// the integration is of kind `ServerToServer` or `WebhookOnly`, which nobody can authorize
    NotAGeneralApp = "NotAGeneralApp" in [Connection] on [Ready(False)]
        for AppOwner: "refer to another integration, in a new connection";
    /// your own back end runs the consent of the app
    ConsentIsExternal = "ConsentIsExternal" in [Connection] on [Ready(False)]
        for AppOwner: "set `importSecretRef`, or `oauth.consent.mode: Operator`";
    /// the person who authorized is not `subject`, or is not the person who authorized first
    WrongSubject = "WrongSubject" in [Connection Consent] on [Ready(False) SubjectVerified(False)]
        for AuthorizingPerson: "the right person opens the link; or the app owner corrects `subject`";
    /// `subject` names somebody, and Zoom does not say who authorized, or has not verified that person's email address
    SubjectUnverifiable = "SubjectUnverifiable" in [Connection Consent] on [Ready(False) SubjectVerified(False)]
        for AppOwner: "add the scope that the message names, and let the person authorize again; or remove `email` and `accountId`";
    /// this Zoom user already authorized this app through another connection, which the message names
    SubjectAlreadyConnected = "SubjectAlreadyConnected" in [Connection Consent] on [Ready(False) SubjectVerified(False)]
        for AppOwner: "delete one of the two connections, and let the person authorize the other again; the operator notices a deletion within half a minute";
    /// this Zoom account already authorized this admin-managed app through another connection, which the message names
    AccountAlreadyConnected = "AccountAlreadyConnected" in [Connection Consent] on [Ready(False) SubjectVerified(False)]
        for AppOwner: "delete one of the two connections; an admin-managed app has one for each account";
    /// Zoom says who authorized, and it is the expected person
    Verified = "Verified" in [Connection] on [SubjectVerified(True)]
        for Nobody: "";
    /// Zoom was not asked yet who authorized
    NotAsked = "NotAsked" in [Connection] on [SubjectVerified(Unknown)]
        for Nobody: "";
    /// without the scope, the operator cannot ask Zoom who authorized
    NotTold = "NotTold" in [Connection] on [SubjectVerified(Unknown)]
        for Nobody: "to have the person checked, add `user:read:user` (`user:read:user:admin` for an admin-managed app)";

    /// the events of the account go to the connection's sink
    Routed = "Routed" in [Connection] on [EventsRouted(True)]
        for Nobody: "";
    /// the route is written, and the receiver's Pods do not sort events by account yet: all go to the integration's sink
    RoutePending = "RoutePending" in [Connection] on [EventsRouted(False)]
        for Nobody: "it becomes True once the Pods are replaced; if it does not, see `ReceiverAvailable` of the integration";
    /// events are sorted by account once they are stored, and the integration has no buffer
    BufferRequired = "BufferRequired" in [Connection] on [EventsRouted(False)]
        for AppOwner: "set `webhook.buffer` of the integration";
    /// the Zoom account of the connection is not known
    AccountUnknown = "AccountUnknown" in [Connection] on [EventsRouted(False)]
        for AppOwner: "the message says how: a scope and another consent, or an entry in `accounts` of the integration";
    /// another connection of the app was proved for this account earlier, and gets its events
    AccountClaimed = "AccountClaimed" in [Connection] on [EventsRouted(False)]
        for PlatformEngineer: "correct `accounts` of the integration, or delete one of the two connections";
    /// the sink of the connection cannot be used; the events of the account wait in the buffer
    SinkRefused = "SinkRefused" in [Connection] on [EventsRouted(False)]
        for AppOwner: "correct what the message names: the Secret, its label, or the Service";
    /// the receiver cannot use the route, for example because of a network that the operator refuses
    RouteUnusable = "RouteUnusable" in [Connection] on [EventsRouted(False)]
        for AppOwner: "correct `sink`; the message has the receiver's words";
    /// the route is written, and the receiver has more to tell of connections than the operator reads: nothing is known of this one's route and dead letters
    RouteUnreported = "RouteUnreported" in [Connection] on [EventsRouted(Unknown)]
        for PlatformEngineer: "it ends once receivers of this version run. If it does not, more than 32,000 connections have dead letters, failing sinks or unusable routes: look at the receiver's dead letters (`kubectl zoom events`) and log";
    /// the route could not be written beside the receiver
    RouteNotWritten = "RouteNotWritten" in [Connection] on [EventsRouted(False)]
        for PlatformEngineer: "the message quotes the API server: allow the Secret in the policy, quota or RBAC rule that refuses it. Or it says that there is no room: see [limits](limits.md#one-app-for-many-tenants)";

    // === Consents ===

    /// the controller redeemed the code later than Zoom's five minutes allow
    CodeExpired = "CodeExpired" in [Consent] on []
        for AuthorizingPerson: "open the link again; if it happens again, ask the platform engineer why the controller is late";
    /// Zoom did not accept the code, or its answer was lost
    CodeRejected = "CodeRejected" in [Consent] on []
        for AuthorizingPerson: "open the link again";
    /// the connection or integration was recreated meanwhile, or its client id or mode changed
    ConsentOutdated = "ConsentOutdated" in [Consent] on []
        for AuthorizingPerson: "open the current link";
    /// what the consent pages handed over cannot be read
    ConsentUnreadable = "ConsentUnreadable" in [Consent] on []
        for AuthorizingPerson: "open the link again; if it stays, connect and controller are of different versions";

    // === Only in Events ===

    /// another release of the operator serves the object as well; one of the two waits
    ServedTwice = "ServedTwice" in [Event] on []
        for PlatformEngineer: "keep the releases apart by `watchNamespaces`, `watchNamespaceSelector` or `operatorClass`, or uninstall one: [several releases](install.md#several-releases)";
    /// the client id in the credentials Secret has changed: tokens and events are another app's, and may be another Zoom account's
    AppChanged = "AppChanged" in [Event] on []
        for AppOwner: "if this was not intended, restore the former credentials in the Secret of `credentials.secretRef`; check whether the credentials of two integrations were swapped";
    /// a grant could not be revoked at Zoom before its connection was deleted; the message says why
    NotRevoked = "NotRevoked" in [Event] on []
        for AuthorizingPerson: "remove the app in the Zoom App Marketplace";
    /// a connection was deleted, and the API server did not allow its grant's Secret to be erased with it
    GrantNotErased = "GrantNotErased" in [Event] on []
        for PlatformEngineer: "delete the Secret that the message names; correct the admission policy or Role that the message quotes";
    /// an integration was deleted, and stored events were discarded because they could not be delivered within the limit, or its volume claims stay
    EventsGivenUp = "EventsGivenUp" in [Event] on []
        for PlatformEngineer: "the message says how many and why; `receiver.drain` sets the limits";
    /// a workload of `token.restart` could not be restarted, and continues with the token that it has
    ConsumerNotRestarted = "ConsumerNotRestarted" in [Event] on []
        for PlatformEngineer: "the message quotes the API server, or says that the chart value `restartWorkloads` must be true";
    /// the API server refused a request that no condition is about: a route, the consents of self-service, the owners, labels or annotations of a connection's Secrets, or the removal of a token Secret under its earlier name
    RequestRefused = "RequestRefused" in [Event] on []
        for PlatformEngineer: "the message says what was refused and quotes the API server. Allow the request in the policy, quota or RBAC rule that refuses it";
    /// somebody wanted to connect by self-service, and the namespace of `oauth.consent.selfService.template` does not accept connections, or the API server does not accept the connection
    SelfServiceRefused = "SelfServiceRefused" in [Event] on []
        for PlatformEngineer: "the message says which side does not agree: label that namespace with `zoom-operator.io/accept-connections` or list it in the chart value `connect.acceptConnections`, or allow it by `allowedNamespaces`. If it quotes the API server, allow the connection in the quota, policy or webhook that refuses it";
    /// somebody wanted to connect by self-service, and the limit is reached
    SelfServiceLimit = "SelfServiceLimit" in [Event] on []
        for AppOwner: "delete connections, or raise `oauth.consent.selfService.maxConnections`";
}
