//! What the operator's service account may do, by the API server's own judgement.

use anyhow::ensure;
use serde_json::{Value, json};

use crate::bed::{
    Bed, Operator, Options,
    object::{self, text},
};

/// A question to the API server.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    pub verb: &'a str,
    /// `group/resource` or `group/resource/subresource`; the core group is empty.
    pub what: &'a str,
    pub name: &'a str,
    /// "" for the whole cluster.
    pub namespace: &'a str,
}

// === impl Ask ===

impl<'a> Ask<'a> {
    pub fn new(verb: &'a str, what: &'a str, namespace: &'a str) -> Self {
        Self {
            verb,
            what,
            name: "",
            namespace,
        }
    }

    pub fn named(self, name: &'a str) -> Self {
        Self { name, ..self }
    }

    /// Whether the service account may do it.
    async fn allowed(self, bed: &Bed, account: &str) -> anyhow::Result<bool> {
        let mut what = self.what.split('/');
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": format!("system:serviceaccount:{}:{account}", bed.namespace()),
                "groups": ["system:serviceaccounts", "system:authenticated"],
                "resourceAttributes": {
                    "verb": self.verb,
                    "group": what.next(),
                    "resource": what.next(),
                    "subresource": what.next().unwrap_or_default(),
                    "name": self.name,
                    "namespace": self.namespace,
                },
            },
        });
        let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
        let answer = bed
            .request("POST", path, Some(("application/json", &review)))
            .await?;
        answer["status"]["allowed"]
            .as_bool()
            .ok_or_else(|| anyhow::anyhow!("no answer: {answer}"))
    }
}

/// Asks all questions; all that are answered otherwise than expected.
pub async fn expect(
    bed: &Bed,
    account: &str,
    allowed: bool,
    asks: &[Ask<'_>],
) -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    for ask in asks {
        if ask.allowed(bed, account).await? != allowed {
            wrong.push(ask);
        }
    }
    ensure!(wrong.is_empty(), "allowed is not {allowed}: {wrong:#?}");
    Ok(())
}

/// What any operator may do in a namespace that it serves.
pub fn in_served(namespace: &str) -> Vec<Ask<'_>> {
    let mut asks = vec![
        Ask::new(
            "patch",
            "zoom-operator.io/zoomintegrations/status",
            namespace,
        ),
        Ask::new("create", "events.k8s.io/events", namespace),
        Ask::new("list", "events.k8s.io/events", namespace),
        Ask::new("list", "/pods", namespace),
        Ask::new("get", "apps/replicasets", namespace),
        // A buffer's volumes are expanded.
        Ask::new("get", "/persistentvolumeclaims", namespace),
        Ask::new("patch", "/persistentvolumeclaims", namespace),
    ];
    // patch: the finalizer of an integration with a buffer.
    for verb in ["get", "list", "watch", "patch"] {
        asks.push(Ask::new(
            verb,
            "zoom-operator.io/zoomintegrations",
            namespace,
        ));
    }
    for verb in ["get", "list", "watch", "create", "patch", "delete"] {
        for what in [
            "/secrets",
            "/services",
            "/serviceaccounts",
            "apps/deployments",
            "apps/statefulsets",
            "policy/poddisruptionbudgets",
            "networking.k8s.io/ingresses",
            "networking.k8s.io/networkpolicies",
        ] {
            asks.push(Ask::new(verb, what, namespace));
        }
    }
    asks
}

/// What no operator may do, not even in a namespace that it serves.
pub fn nowhere(namespace: &str) -> Vec<Ask<'_>> {
    [
        // What people declare is theirs.
        ("create", "zoom-operator.io/zoomintegrations"),
        ("update", "zoom-operator.io/zoomintegrations"),
        ("delete", "zoom-operator.io/zoomintegrations"),
        // Ways to more power.
        ("*", "*/*"),
        ("get", "*/*"),
        ("*", "/secrets"),
        ("deletecollection", "/secrets"),
        ("create", "/pods"),
        ("create", "/pods/exec"),
        ("get", "/pods/log"),
        ("create", "/serviceaccounts/token"),
        ("impersonate", "/serviceaccounts"),
        ("create", "rbac.authorization.k8s.io/roles"),
        ("create", "rbac.authorization.k8s.io/rolebindings"),
        ("bind", "rbac.authorization.k8s.io/roles"),
        ("escalate", "rbac.authorization.k8s.io/roles"),
        // None of its business.
        ("get", "/configmaps"),
        ("create", "apps/daemonsets"),
        ("create", "batch/jobs"),
        // Where events are stored, and what nobody may scale behind the receiver's back.
        ("list", "/persistentvolumeclaims"),
        ("create", "/persistentvolumeclaims"),
        ("delete", "/persistentvolumeclaims"),
        ("patch", "apps/statefulsets/scale"),
        ("create", "/pods/portforward"),
    ]
    .map(|(verb, what)| Ask::new(verb, what, namespace))
    .into()
}

/// What only an operator of the whole cluster may do: integrations allow namespaces by their labels.
pub fn of_namespaces() -> [Ask<'static>; 2] {
    ["list", "watch"].map(|verb| Ask::new(verb, "/namespaces", ""))
}

/// What no operator may do to the cluster.
pub fn in_the_cluster() -> Vec<Ask<'static>> {
    [
        ("list", "/nodes"),
        ("get", "/nodes/proxy"),
        ("create", "/namespaces"),
        ("patch", "/namespaces"),
        ("list", "/persistentvolumes"),
        ("create", "rbac.authorization.k8s.io/clusterroles"),
        ("create", "rbac.authorization.k8s.io/clusterrolebindings"),
        ("impersonate", "/users"),
        ("get", "apiextensions.k8s.io/customresourcedefinitions"),
        ("patch", "apiextensions.k8s.io/customresourcedefinitions"),
        (
            "create",
            "admissionregistration.k8s.io/validatingwebhookconfigurations",
        ),
    ]
    .map(|(verb, what)| Ask::new(verb, what, ""))
    .into()
}

/// Its own Lease, and no other.
pub async fn expect_own_lease_only(bed: &Bed, account: &str, other: &str) -> anyhow::Result<()> {
    let lease = |verb, namespace| Ask::new(verb, "coordination.k8s.io/leases", namespace);
    let own = [
        lease("create", bed.namespace()),
        lease("get", bed.namespace()).named(account),
        lease("update", bed.namespace()).named(account),
    ];
    expect(bed, account, true, &own).await?;
    let others = [
        lease("get", bed.namespace()),
        lease("update", bed.namespace()).named("another"),
        lease("delete", bed.namespace()).named(account),
        lease("create", other),
        lease("get", other).named(account),
        lease("update", "kube-system"),
    ];
    expect(bed, account, false, &others).await
}

/// No rule of these roles says `*`.
pub fn ensure_no_wildcards(roles: &[Value]) -> anyhow::Result<()> {
    ensure!(!roles.is_empty(), "no roles");
    for role in roles {
        let granted = role["rules"].to_string();
        ensure!(!granted.contains('*'), "{}: {granted}", object::name(role));
    }
    Ok(())
}

/// With `watchNamespaces` there is no right outside of them.
pub async fn namespaced(bed: Bed) -> anyhow::Result<()> {
    let operator = Operator::install(&bed, &Options::default()).await?;
    let account = "zoom-operator";
    let namespace = bed.namespace();
    expect(&bed, account, true, &in_served(namespace)).await?;
    expect(&bed, account, false, &nowhere(namespace)).await?;
    expect(&bed, account, false, &in_the_cluster()).await?;
    expect(&bed, account, false, &of_namespaces()).await?;
    for other in ["default", "kube-system", ""] {
        expect(&bed, account, false, &in_served(other)).await?;
    }
    expect_own_lease_only(&bed, account, "default").await?;
    ensure_no_wildcards(&bed.list("roles", "").await?)?;

    let path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    let bindings = bed.request("GET", path, None).await?;
    for binding in bindings["items"].as_array().into_iter().flatten() {
        for subject in binding["subjects"].as_array().into_iter().flatten() {
            ensure!(
                text(subject, "/namespace") != namespace,
                "bound in the whole cluster: {binding:#}"
            );
        }
    }
    // That is enough to work.
    operator.until_leading().await?;
    Ok(())
}
