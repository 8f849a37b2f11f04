//! Pods of programs that are no part of the product.

use serde_json::{Value, json};

use super::{Bed, object::text, tools};

/// The user that all of them run as.
pub const USER: u32 = 65532;

/// The image of a program, brought into the local cluster if need be: a tool that `tests/cluster/build` knows, or
/// `busybox`. With `CLUSTER=current` the variable `E2E_<PROGRAM>_IMAGE` names it.
pub async fn image(program: &str) -> anyhow::Result<String> {
    if tools::is_local() {
        let image = tools::cluster("load-program", &[program]).await?;
        return Ok(image.trim().to_owned());
    }
    let variable = format!("E2E_{}_IMAGE", program.to_uppercase().replace('-', "_"));
    std::env::var(&variable).map_err(|_| anyhow::anyhow!("{variable} names no image"))
}

/// The spec of a Pod that Pod Security `restricted` allows. `spec` has volumes and the like; `container` gets a name,
/// if it has none, and the usual restrictions.
pub fn pod_spec(mut spec: Value, mut container: Value) -> Value {
    if container["name"].is_null() {
        container["name"] = json!("program");
    }
    container["imagePullPolicy"] = json!("IfNotPresent");
    container["securityContext"] = json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]},
    });
    spec["automountServiceAccountToken"] = json!(false);
    spec["terminationGracePeriodSeconds"] = json!(5);
    spec["securityContext"] = json!({
        "runAsNonRoot": true,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    spec["containers"] = json!([container]);
    spec
}

/// Runs a shell script of busybox to its end in a Pod of its own with one volume, mounted at `/volume`; what it said,
/// and its exit code. The Pod stays until the test ends or deletes it.
pub async fn shell(
    bed: &Bed,
    pod: &str,
    volume: Value,
    script: &str,
) -> anyhow::Result<(String, i64)> {
    let mut volume = volume;
    volume["name"] = json!("volume");
    let container = json!({
        "image": image("busybox").await?,
        "command": ["/busybox", "sh", "-c", script],
        "volumeMounts": [{"name": "volume", "mountPath": "/volume"}],
    });
    let spec = json!({"restartPolicy": "Never", "volumes": [volume]});
    bed.create(&json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": pod},
        "spec": pod_spec(spec, container),
    }))
    .await?;
    let ended = bed
        .until_object("pods", pod, "its end", |object| {
            ["Succeeded", "Failed"].contains(&text(object, "/status/phase"))
        })
        .await?;
    let said = bed.kubectl(&["logs", pod]).await?;
    let code = ended
        .pointer("/status/containerStatuses/0/state/terminated/exitCode")
        .and_then(Value::as_i64);
    Ok((said.stdout, code.unwrap_or(-1)))
}

/// A web server of busybox behind a Service of its name and of port 80: every path of `pages` gives its text.
pub async fn web(bed: &Bed, name: &str, pages: Value) -> anyhow::Result<()> {
    let labels = json!({"app.kubernetes.io/name": name});
    let container = json!({
        "image": image("busybox").await?,
        "command": ["/busybox", "httpd", "-f", "-p", "8080", "-h", "/pages"],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"tcpSocket": {"port": "http"}, "periodSeconds": 1},
        "volumeMounts": [{"name": "pages", "mountPath": "/pages"}],
    });
    let spec = json!({"volumes": [{"name": "pages", "configMap": {"name": name}}]});
    for object in [
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": pages}),
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod_spec(spec, container)},
            },
        }),
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
        }),
    ] {
        bed.apply(&object).await?;
    }
    bed.until_deployed(name).await?;
    Ok(())
}
