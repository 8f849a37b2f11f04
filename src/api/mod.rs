//! The Kubernetes API of the product: data and names, no I/O.

pub mod condition;
pub mod crds;
pub mod reason;
pub mod v1alpha1;

/// API group of every resource of the product.
pub const GROUP: &str = "zoom-operator.io";

/// Field manager of everything the controller writes by server-side apply.
pub const FIELD_MANAGER: &str = "zoom-operator";

/// Recommended labels (Kubernetes: "Recommended Labels") and the product's own.
pub mod label {
    /// Which tool manages the object.
    pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
    /// The name of the application.
    pub const NAME: &str = "app.kubernetes.io/name";
    /// Which instance of the application.
    pub const INSTANCE: &str = "app.kubernetes.io/instance";
    /// The component within the architecture.
    pub const COMPONENT: &str = "app.kubernetes.io/component";
    /// The `ZoomIntegration` that an object was made for.
    pub const INTEGRATION: &str = "zoom-operator.io/integration";
    /// The `ZoomConnection` that an object was made for.
    pub const CONNECTION: &str = "zoom-operator.io/connection";
    /// The namespace of that connection, on objects in the operator's own namespace.
    pub const NAMESPACE: &str = "zoom-operator.io/namespace";
    /// The namespace of that integration, where it is not the namespace of the connection.
    pub const INTEGRATION_NAMESPACE: &str = "zoom-operator.io/integration-namespace";
    /// On a namespace that accepts connections by self-service: the namespace of their integration.
    pub const ACCEPT_CONNECTIONS: &str = "zoom-operator.io/accept-connections";
    /// On the connections that self-service made.
    pub const SELF_SERVICE: &str = "zoom-operator.io/self-service";
    /// On a consent whose code was spent: its Secret holds a grant.
    pub const REDEEMED: &str = "zoom-operator.io/redeemed";
    /// The purpose of a Secret.
    pub const USE: &str = "zoom-operator.io/use";

    /// Value of [`MANAGED_BY`] on everything the controller makes.
    pub const MANAGER: &str = "zoom-operator";
    /// Value of [`NAME`] on a tenant's receiver.
    pub const RECEIVER_NAME: &str = "zoom-receiver";
    /// Value of [`USE`] on a Secret that hands over an authorization code.
    pub const CONSENT: &str = "consent";
    /// Value of [`USE`] on a Secret that holds a grant.
    pub const GRANT: &str = "grant";
    /// Value of [`USE`] on a Secret with a token for consumers.
    pub const TOKEN: &str = "token";
    /// Value of [`USE`] on a Secret that may be given to a receiver for its sink.
    pub const SINK: &str = "sink";
    /// Value of [`USE`] on a Secret with the routes of an integration's connections.
    pub const ROUTES: &str = "routes";
    /// Value of [`USE`] on the Secret with the token of a receiver's control port.
    pub const CONTROL: &str = "control";
    /// Value of [`COMPONENT`] on a tenant's receiver.
    pub const RECEIVER: &str = "receiver";
}

/// Finalizers of the product.
pub mod finalizer {
    /// Keeps a connection until its grant has been revoked at Zoom.
    pub const REVOKE: &str = "zoom-operator.io/revoke";
}

/// Annotations that the controller writes on the objects it makes, and two that people write.
pub mod annotation {
    /// On a consent of self-service: how many attempts to redeem it failed.
    pub const ATTEMPTS: &str = "zoom-operator.io/attempts";
    /// On a consent of self-service: when the next attempt is made.
    pub const RETRY_AT: &str = "zoom-operator.io/retry-at";
    /// On an integration or a connection: replace a token that was issued before this time (RFC 3339), once
    /// the time has come and at most once a minute.
    pub const REFRESH_REQUESTED_AT: &str = "zoom-operator.io/refresh-requested-at";
    /// When the token in a Secret was requested (RFC 3339).
    pub const ISSUED_AT: &str = "zoom-operator.io/issued-at";
    /// When the token in a Secret is to be replaced (RFC 3339).
    pub const REFRESH_AT: &str = "zoom-operator.io/refresh-at";
    /// UID and resourceVersion of the credentials Secret that a token was requested with.
    pub const CREDENTIALS_VERSION: &str = "zoom-operator.io/credentials-version";
    /// A digest of the credentials that a token was requested with, keyed with the token. It shows that the
    /// credentials are still the same after their Secret was rewritten.
    pub const CREDENTIALS_DIGEST: &str = "zoom-operator.io/credentials-digest";
    /// Grant and generation that a token belongs to.
    pub const GRANT: &str = "zoom-operator.io/grant";
    /// SHA-256 over the data of a token Secret, to notice manual edits.
    pub const CHECKSUM: &str = "zoom-operator.io/checksum";
    /// SHA-256 over a child object as it was built, to decide whether to apply it again.
    pub const DESIRED: &str = "zoom-operator.io/desired";
    /// SHA-256 over a workload's Pod template as it was built, to decide whether to replace its Pods.
    pub const DESIRED_TEMPLATE: &str = "zoom-operator.io/desired-template";
    /// On the Pods of a receiver: the UID of its credentials Secret, if that is immutable. Nodes never read such a Secret
    /// again, so Pods are replaced with it.
    pub const SECRET_UID: &str = "zoom-operator.io/credentials-uid";
    /// On a receiver's `StatefulSet`: the size to which the volumes of its buffer were expanded. Its template
    /// keeps the first one.
    pub const BUFFER_SIZE: &str = "zoom-operator.io/buffer-size";
    /// On a receiver's `StatefulSet`: how many of its Pods may have stored events. Whoever scales it does not change
    /// that.
    pub const BUFFERS: &str = "zoom-operator.io/buffers";
    /// On a token Secret: the keys of the labels and annotations that its resource declares, so that they can
    /// be removed later.
    pub const OWN_METADATA: &str = "zoom-operator.io/own-metadata";
    /// On the Pods of a token's consumers, and on the Secret: the token that they were restarted for.
    pub const RESTARTED_FOR: &str = "zoom-operator.io/restarted-for";
    /// `true` on an integration: events that its receivers have stored but not delivered may be lost.
    pub const DISCARD: &str = "zoom-operator.io/discard-buffered-events";
}
