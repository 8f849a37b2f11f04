//! What the parts of the operator may do around consents, by the API server's own judgement.

use anyhow::ensure;

use crate::bed::{Bed, Case, Operator, Options};

pub fn cases() -> Vec<Case> {
    vec![Case::new("connections::rights_of_the_parts", rights)]
}

/// A question: may this service account do that in this namespace?
type Ask = (&'static str, &'static str);

const CONTROLLER: &str = "zoom-operator";
const CONNECT: &str = "zoom-operator-connect";

/// connect is reachable by everybody: whoever takes it over must learn no secret and change nothing.
async fn rights(bed: Bed) -> anyhow::Result<()> {
    bed.with_neighbours(["served"], async |[served]| ask(&bed, served).await)
        .await
}

async fn ask(bed: &Bed, served: &Bed) -> anyhow::Result<()> {
    let (own, other) = (bed.namespace(), served.namespace());
    let options = Options::default().serving(&[bed, served]).with_pages();
    Operator::install(bed, &options).await?;
    let connect = account(own, CONNECT);
    let controller = account(own, CONTROLLER);

    // connect hands a code over, and looks up what a link is about.
    expect(bed, &connect, own, true, &[("create", "secrets")]).await?;
    for namespace in [own, other] {
        let reads: [Ask; 2] = [
            ("get", "zoomintegrations.zoom-operator.io"),
            ("get", "zoomconnections.zoom-operator.io"),
        ];
        expect(bed, &connect, namespace, true, &reads).await?;
        expect(bed, &connect, namespace, false, &NOT_CONNECT).await?;
        expect(bed, &controller, namespace, true, &CONTROLLER_MAY).await?;
        expect(bed, &controller, namespace, false, &NOT_CONTROLLER).await?;
    }
    for namespace in [other, "default", "kube-system"] {
        expect(bed, &connect, namespace, false, &[("create", "secrets")]).await?;
    }
    for namespace in ["default", "kube-system"] {
        expect(bed, &connect, namespace, false, &NOT_CONNECT).await?;
        expect(bed, &controller, namespace, false, &CONTROLLER_MAY).await?;
    }
    Ok(())
}

const NOT_CONNECT: [Ask; 21] = [
    ("get", "secrets"),
    ("list", "secrets"),
    ("watch", "secrets"),
    ("update", "secrets"),
    ("patch", "secrets"),
    ("delete", "secrets"),
    ("deletecollection", "secrets"),
    ("create", "zoomconnections.zoom-operator.io"),
    ("update", "zoomconnections.zoom-operator.io"),
    ("patch", "zoomconnections.zoom-operator.io"),
    ("delete", "zoomconnections.zoom-operator.io"),
    ("patch", "zoomconnections.zoom-operator.io/status"),
    ("update", "zoomintegrations.zoom-operator.io"),
    ("patch", "zoomintegrations.zoom-operator.io/status"),
    ("get", "leases.coordination.k8s.io"),
    ("get", "configmaps"),
    ("get", "pods"),
    ("create", "pods"),
    ("create", "pods/exec"),
    ("create", "serviceaccounts/token"),
    ("create", "rolebindings.rbac.authorization.k8s.io"),
];

const CONTROLLER_MAY: [Ask; 9] = [
    ("get", "secrets"),
    ("create", "secrets"),
    ("update", "secrets"),
    ("delete", "secrets"),
    ("watch", "zoomconnections.zoom-operator.io"),
    ("create", "zoomconnections.zoom-operator.io"),
    ("patch", "zoomconnections.zoom-operator.io"),
    ("patch", "zoomconnections.zoom-operator.io/status"),
    ("get", "namespaces"),
];

const NOT_CONTROLLER: [Ask; 7] = [
    ("update", "zoomconnections.zoom-operator.io"),
    ("delete", "zoomconnections.zoom-operator.io"),
    ("deletecollection", "secrets"),
    ("create", "pods/exec"),
    ("create", "serviceaccounts/token"),
    ("impersonate", "serviceaccounts"),
    ("create", "rolebindings.rbac.authorization.k8s.io"),
];

fn account(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

/// Asks all questions.
async fn expect(
    bed: &Bed,
    account: &str,
    namespace: &str,
    allowed: bool,
    asks: &[Ask],
) -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    for (verb, resource) in asks {
        // To kubectl, what follows a slash is a name.
        let (whole, part) = resource.split_once('/').unwrap_or((resource, ""));
        let part = format!("--subresource={part}");
        let ask = [
            "auth", "can-i", verb, whole, &part, "--as", account, "-n", namespace,
        ];
        let said = bed.kubectl(&ask).await?;
        let answer = said.stdout.trim();
        ensure!(
            matches!(answer, "yes" | "no"),
            "{verb} {resource}: {said:?}"
        );
        if (answer == "yes") != allowed {
            wrong.push((verb, resource));
        }
    }
    ensure!(
        wrong.is_empty(),
        "{account} in {namespace}: allowed is not {allowed}: {wrong:?}"
    );
    Ok(())
}
