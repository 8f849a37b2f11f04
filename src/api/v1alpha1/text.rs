//! Schemas of texts that have a form. A rule says what is wrong in words; a `pattern` would show a regular expression.

use schemars::{Schema, SchemaGenerator, json_schema};

/// A text of this form and this length, and what people are told otherwise.
fn formed(length: [u32; 2], form: &str, message: &str) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": length[0],
        "maxLength": length[1],
        "x-kubernetes-validations": [{
            "rule": format!("self.matches('{form}')"),
            "message": message,
        }]
    })
}

/// RFC 1123 subdomain, as the names of most objects are.
pub(super) fn object_name_schema(_: &mut SchemaGenerator) -> Schema {
    formed(
        [1, 253],
        "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        "not the name of an object: write its metadata.name, in lower case, without namespace or path",
    )
}

pub(super) fn namespace_schema(_: &mut SchemaGenerator) -> Schema {
    formed(
        [1, 63],
        "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "not the name of a namespace: write lower-case letters, digits and hyphens only",
    )
}

pub(super) fn connection_name_schema(_: &mut SchemaGenerator) -> Schema {
    formed(
        [1, 52],
        "^[a-z]([-a-z0-9]*[a-z0-9])?$",
        "not the name of a ZoomConnection: write its metadata.name, without the namespace, which has a field of its own",
    )
}

pub(super) fn key_schema(_: &mut SchemaGenerator) -> Schema {
    formed(
        [1, 253],
        "^[-._a-zA-Z0-9]+$",
        "not a key of a ConfigMap: write letters, digits, hyphens, underscores and dots, for example verifyzoom.html",
    )
}

pub(super) fn account_id_schema(_: &mut SchemaGenerator) -> Schema {
    formed(
        [1, 64],
        "^[A-Za-z0-9_-]+$",
        "not the id of a Zoom account: copy the Account ID from Zoom's account profile, without spaces",
    )
}

pub(super) fn email_schema(_: &mut SchemaGenerator) -> Schema {
    formed(
        [3, 254],
        r"^[^@\\s]+@[^@\\s]+$",
        "not an email address: write the address of the person in Zoom, for example ada@example.com, without a name or brackets",
    )
}

pub(super) fn endpoint_path_schema(_: &mut SchemaGenerator) -> Schema {
    formed(
        [0, 200],
        "^/[A-Za-z0-9._~/-]*$",
        "endpoint.path must begin with / and have only letters, digits and . _ ~ / -: write for example /zoom/webhook, without host and query",
    )
}

pub(super) fn sink_path_schema(_: &mut SchemaGenerator) -> Schema {
    formed(
        [0, 1000],
        r"^/[^#\\s]*$",
        "serviceRef.path must begin with /, without spaces and without a #fragment: write for example /zoom/events",
    )
}

pub(super) fn probe_path_schema(_: &mut SchemaGenerator) -> Schema {
    formed(
        [2, 200],
        "^(/[A-Za-z0-9_-]+)+([?][A-Za-z0-9_=&-]+)?$",
        "probe.path is a path below /v2 of Zoom's API: write for example /users?page_size=1, without host and without /v2",
    )
}

pub(super) fn nats_url_schema(_: &mut SchemaGenerator) -> Schema {
    formed(
        [1, 1000],
        r"^(nats|tls)://[^/@?#\\s]+$",
        "nats.url must be nats:// or tls:// with a host: write for example nats://nats.messaging.svc:4222, and put nats.creds or nkey-seed into the Secret of credentialsSecretRef",
    )
}

pub(super) fn nats_subject_schema(_: &mut SchemaGenerator) -> Schema {
    formed(
        [0, 200],
        "^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*$",
        "nats.subject is a subject to publish to: write letters, digits, _ and - between dots, without * and >",
    )
}
