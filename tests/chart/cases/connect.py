"""The consent pages."""

from chart import C, GATEWAY, INGRESS, N, PAGES, case, container, equal, only, render

@case("connect: the controller hears of it, or not")
def _():
    equal([a for a in container()["args"] if a.startswith("--connect")], [])
    assert "--connect-url=http://127.0.0.1:8080" in container("connect.url=http://127.0.0.1:8080")["args"]
    for url in ("https://connect.example.com/zoom", "https://connect.example.com/zoom/"):
        equal([a for a in container(f"connect.url={url}")["args"] if a.startswith("--connect")],
              ["--connect-url=https://connect.example.com/zoom", f"--connect-keys-secret={N}-connect-keys"])

@case("connect: the namespaces that accept connections reach the controller")
def _():
    def flags(*values):
        return [a for a in container(*values)["args"] if a.startswith("--accept")]
    listed = 'connect.acceptConnections:=[{"namespace":"customers","from":"platform"},{"namespace":"trials","from":"sales"}]'
    equal(flags(PAGES), [])
    equal(flags(PAGES, listed), ["--accept-connections=customers=platform", "--accept-connections=trials=sales"])

@case("connect: values reach its Pods")
def _():
    values = ("connect.url=http://localhost:8080/", "zoom.oauthUrl=http://sim:8080", "logging.format=text", "logging.level=debug",
              "image.repository=r.example/z", "image.tag=v9", "image.pullPolicy=Always")
    c = container(*values, deployment=C)
    equal((c["image"], c["imagePullPolicy"]), ("r.example/z:v9", "Always"))
    equal(c["args"], ["connect", "--url=http://localhost:8080", "--zoom-oauth-url=http://sim:8080",
                      "--keys=/var/run/zoom-operator/keys", "--listen=[::]:8080", "--admin-listen=[::]:8081",
                      "--log-format=text", "--log-level=debug"])
    equal([(e["name"], e["valueFrom"]["fieldRef"]["fieldPath"]) for e in c["env"]], [("POD_NAMESPACE", "metadata.namespace")])
    equal([(p["name"], p["containerPort"]) for p in c["ports"]], [("http", 8080), ("admin", 8081)])
    for probe, path in (("livenessProbe", "/live"), ("readinessProbe", "/ready")):
        equal(c[probe]["httpGet"], {"path": path, "port": "admin"})
    spec = only(render(*values), "Deployment", C)["spec"]
    equal((spec["replicas"], spec["strategy"]["rollingUpdate"]), (2, {"maxUnavailable": 0, "maxSurge": 1}))
    pod = spec["template"]["spec"]
    equal((pod["serviceAccountName"], pod["automountServiceAccountToken"]), (C, True))

@case("connect: the keys, and no other content of their Secret")
def _():
    pod = only(render(PAGES), "Deployment", C)["spec"]["template"]["spec"]
    equal(pod["volumes"], [{"name": "keys", "secret": {
        "secretName": f"{N}-connect-keys", "optional": True,
        "items": [{"key": k, "path": k} for k in ("current", "previous", "created")]}}])
    equal(pod["containers"][0]["volumeMounts"],
          [{"name": "keys", "mountPath": "/var/run/zoom-operator/keys", "readOnly": True}])

@case("connect: scheduling and metadata of its own, the release's labels and pull Secrets")
def _():
    own = ("connect.nodeSelector.disk=ssd", "connect.tolerations:=[{\"key\":\"k\",\"operator\":\"Exists\",\"tolerationSeconds\":30}]",
           "connect.priorityClassName=high", "connect.podLabels.team=a", "connect.podAnnotations.note=b",
           "connect.affinity:={\"nodeAffinity\":{}}", "connect.resources:={\"limits\":{\"memory\":\"1Gi\"}}", "connect.replicas=3",
           "connect.topologySpreadConstraints:=[{\"maxSkew\":1,\"topologyKey\":\"zone\",\"whenUnsatisfiable\":"
           "\"ScheduleAnyway\",\"labelSelector\":{}}]", "connect.serviceAccount.annotations.role=r", "connect.service.annotations.lb=l",
           "connect.service.type=LoadBalancer")
    objects = render(PAGES, *own, "imagePullSecrets:=[{\"name\":\"reg\"}]", "commonLabels.cost=c")
    deployment = only(objects, "Deployment", C)["spec"]
    pod, spec = deployment["template"], deployment["template"]["spec"]
    equal((spec["nodeSelector"], spec["priorityClassName"], spec["affinity"]), ({"kubernetes.io/os": "linux", "disk": "ssd"}, "high", {"nodeAffinity": {}}))
    equal((spec["tolerations"], spec["imagePullSecrets"]),
          ([{"key": "k", "operator": "Exists", "tolerationSeconds": 30}], [{"name": "reg"}]))
    equal(spec["topologySpreadConstraints"][0]["topologyKey"], "zone")
    equal((pod["metadata"]["labels"]["team"], pod["metadata"]["annotations"]["note"]), ("a", "b"))
    equal((deployment["replicas"], spec["containers"][0]["resources"]["limits"]), (3, {"memory": "1Gi"}))
    assert all(o["metadata"]["labels"]["cost"] == "c" for o in objects)
    equal(only(objects, "ServiceAccount", C)["metadata"]["annotations"], {"role": "r"})
    service = only(objects, "Service", C)
    equal((service["metadata"]["annotations"], service["spec"]["type"]), ({"lb": "l"}, "LoadBalancer"))
    # Nothing of it is the controller's, and nothing of the controller's is connect's.
    plain = only(render(PAGES, "imagePullSecrets:=[{\"name\":\"reg\"}]", "commonLabels.cost=c"), "Deployment", N)
    equal(only(objects, "Deployment", N), plain)
    other = render(PAGES, *(v.removeprefix("connect.") for v in own if "service" not in v), "leaderElection.leaseDuration=9")
    equal(only(other, "Deployment", C), only(render(PAGES), "Deployment", C))

@case("connect: Ingress with the host and path of connect.url")
def _():
    def ingress(url, *values):
        return only(render(f"connect.url={url}", INGRESS, *values), "Ingress")
    backend = {"service": {"name": C, "port": {"name": "http"}}}
    for url, host, path in (("https://connect.example.com", "connect.example.com", "/"),
                            ("https://a.example:8443/zoom/pages/", "a.example", "/zoom/pages"), ("http://localhost:8080", "localhost", "/")):
        spec = ingress(url)["spec"]
        equal(spec, {"rules": [{"host": host, "http": {"paths": [{"path": path, "pathType": "Prefix", "backend": backend}]}}]})
    full = ingress("https://a.example", "connect.ingress.className=nginx", "connect.ingress.tlsSecretName=cert",
                   "connect.ingress.annotations.issuer=x")
    equal((full["spec"]["ingressClassName"], full["spec"]["tls"]), ("nginx", [{"hosts": ["a.example"], "secretName": "cert"}]))
    equal(full["metadata"]["annotations"], {"issuer": "x"})

@case("connect: HTTPRoute with the host and path of connect.url")
def _():
    def route(url):
        return only(render(f"connect.url={url}", *GATEWAY), "HTTPRoute")
    for url, host, path in (("https://connect.example.com", "connect.example.com", "/"), ("https://a.example:8443/zoom/", "a.example", "/zoom")):
        got = route(url)
        equal(got["apiVersion"], "gateway.networking.k8s.io/v1")
        equal(got["spec"], {
            "parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https"}], "hostnames": [host],
            "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": path}}], "backendRefs": [{"name": C, "port": 80}]}]})

@case("connect: Zoom's domain validation is told and let in, whatever the path of the pages")
def _():
    code = ("connect.url=https://a.example/zoom", "connect.domainValidation=4f6a-code")
    path = "/zoomverify/verifyzoom.html"
    paths = only(render(*code, INGRESS), "Ingress")["spec"]["rules"][0]["http"]["paths"]
    equal([(p["path"], p["pathType"]) for p in paths], [("/zoom", "Prefix"), (path, "Exact")])
    paths = only(render(*code, INGRESS, "openshift=true"), "Ingress")["spec"]["rules"][0]["http"]["paths"]
    equal([p["pathType"] for p in paths], ["Prefix", "Prefix"])
    matches = only(render(*code, *GATEWAY), "HTTPRoute")["spec"]["rules"][0]["matches"]
    equal(matches[1]["path"], {"type": "Exact", "value": path})
    arguments = only(render(*code), "Deployment", C)["spec"]["template"]["spec"]["containers"][0]["args"]
    assert "--domain-validation=4f6a-code" in arguments, arguments
