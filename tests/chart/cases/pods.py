"""Pods: values that reach them, images, security contexts, scheduling and metadata."""

import json, re, shutil

from chart import C, CHART, EVERYTHING, N, PAGES, TMP, as_json, case, container, equal, helm, ident, only, refused, render, selects, sets

@case("pods satisfy Pod Security restricted")
def _():
    found = 0
    for values in ((), EVERYTHING, ("replicas=1",)):
        for o in render(*values):
            pod = o.get("spec", {}).get("template", {}).get("spec") if o["kind"] != "CustomResourceDefinition" else None
            if not pod:
                continue
            found += 1
            equal(pod["securityContext"], {"runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
                                           "seccompProfile": {"type": "RuntimeDefault"}})
            assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
            assert all(v.keys() <= {"name", "emptyDir", "secret"} for v in pod.get("volumes", [])), pod["volumes"]
            for c in pod["containers"] + pod.get("initContainers", []):
                s = c["securityContext"]
                equal((s["allowPrivilegeEscalation"], s["readOnlyRootFilesystem"], s["capabilities"], s["privileged"]),
                      (False, True, {"drop": ["ALL"]}, False))
                assert "memory" in c["resources"]["limits"] and (o["kind"] == "Job" or c["livenessProbe"] and c["readinessProbe"])
    assert found >= 4

PARTS = ("", "connect", "receiver")

IDS = ("runAsUser", "runAsGroup", "fsGroup")

def security(*values):
    """The Pod's and the container's security context of controller, connect and receivers."""
    objects = render(PAGES, *values)
    found = []
    for name in (N, C):
        pod = only(objects, "Deployment", name)["spec"]["template"]["spec"]
        found.append((pod["securityContext"], pod["containers"][0]["securityContext"]))
    defaults = receiver_defaults(PAGES, *values)
    return [*found, (defaults["podSecurityContext"], defaults["containerSecurityContext"])]

def receiver_defaults(*values):
    argument, = (a for a in container(*values)["args"] if a.startswith("--receiver-defaults="))
    # As the kubelet hands it over.
    return json.loads(argument.partition("=")[2].replace("$$(", "$("))

@case("security contexts: OpenShift's restricted-v2 chooses the ids of every Pod, the rest stays")
def _():
    default = security()
    equal(default[0], default[1])
    equal(default[0], default[2])
    for pod, _ in security(*(f"podSecurityContext.{key}=null" for key in IDS)):
        equal(pod, {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}})
    values = TMP / "openshift.yaml"
    values.write_text("podSecurityContext: {runAsUser: null, runAsGroup: null, fsGroup: null}\n")
    objects = as_json(helm("template", N, CHART, "-n", "ops", "-f", values))
    assert not {*IDS} & only(objects, "Deployment")["spec"]["template"]["spec"]["securityContext"].keys()
    # Numbers are written out, not as 1.00069e+09.
    values.write_text("podSecurityContext: {runAsUser: 1000690000}\n")
    assert "runAsUser: 1000690000\n" in (text := helm("template", N, CHART, "-n", "ops", "-f", values)) and '\\"runAsUser\\":1000690000' in text
    for _, c in security("containerSecurityContext.privileged=null"):
        assert "privileged" not in c and c["capabilities"] == {"drop": ["ALL"]}

@case("openshift: no ids anywhere and the port of its DNS, also in an umbrella chart, where Helm drops nulls")
def _():
    parent = TMP / "umbrella"
    (parent / "charts").mkdir(parents=True)
    shutil.copytree(CHART, parent / "charts" / N)
    version = re.search(r"^version: (.+)$", (CHART / "Chart.yaml").read_text(), re.M)[1]
    (parent / "Chart.yaml").write_text("apiVersion: v2\nname: parent\nversion: 1.0.0\n"
                                       f"dependencies: [{{name: {N}, version: {version}, repository: ''}}]\n")
    values = parent / "values.yaml"
    values.write_text(f"{N}:\n  openshift: true\n  connect: {{url: 'https://connect.example.com'}}\n")
    text = helm("template", N, parent, "-n", "ops")
    for key in IDS:
        assert key not in text, key
    for objects in (as_json(text), render(PAGES, "openshift=true")):
        pods = [o["spec"]["template"]["spec"] for o in objects if o["kind"] in ("Deployment", "Job")]
        equal(len(pods), 3)
        for pod in pods:
            equal(pod["securityContext"], {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}})
        for name in (N, C, f"{N}-uninstall"):
            rule = only(objects, "NetworkPolicy", name)["spec"]["egress"][0]
            equal([p["port"] for p in rule["ports"]], [53, 53, 5353, 5353], name)
    for pod, c in security("openshift=true"):
        equal((pod.keys() & {*IDS}, c["readOnlyRootFilesystem"]), (set(), True))
    assert "ingressPathType" not in receiver_defaults(PAGES)
    equal(receiver_defaults(PAGES, "openshift=true")["ingressPathType"], "Prefix")
    # What somebody wrote for a part is theirs.
    equal(security("openshift=true", "connect.podSecurityContext.fsGroup=5")[1][0], {"fsGroup": 5})

@case("security contexts: each part can have its own instead")
def _():
    default = security()[0]
    for index, part in enumerate(PARTS[1:], 1):
        got = security(f"{part}.podSecurityContext.runAsNonRoot=true", f"{part}.containerSecurityContext.privileged=false")
        for other in range(3):
            equal(got[other], ({"runAsNonRoot": True}, {"privileged": False}) if other == index else default, part)

@case("extra: arguments, variables, volumes, DNS and hosts of each Deployment, and of no other")
def _():
    extra = ('extraArgs:=["--a=b"]', 'extraEnv:=[{"name":"X","value":"1"}]', 'extraVolumes:=[{"name":"v","emptyDir":{}}]',
             'extraVolumeMounts:=[{"name":"v","mountPath":"/v"}]', 'hostAliases:=[{"ip":"10.0.0.1","hostnames":["zoom.us"]}]',
             'dnsPolicy=None', 'dnsConfig:={"nameservers":["10.0.0.2"],"options":[{"name":"ndots","value":"1"}]}')
    plain = render(PAGES)
    for mine, other, prefix in ((N, C, ""), (C, N, "connect.")):
        objects = render(PAGES, *(prefix + value for value in extra))
        pod = only(objects, "Deployment", mine)["spec"]["template"]["spec"]
        before = only(plain, "Deployment", mine)["spec"]["template"]["spec"]
        for key, value in (("args", "--a=b"), ("env", {"name": "X", "value": "1"}), ("volumeMounts", {"name": "v", "mountPath": "/v"})):
            equal(pod["containers"][0][key], [*before["containers"][0][key], value])
        equal(pod["volumes"], [*before["volumes"], {"name": "v", "emptyDir": {}}])
        equal((pod["hostAliases"][0]["hostnames"], pod["dnsPolicy"], pod["dnsConfig"]["nameservers"]), (["zoom.us"], "None", ["10.0.0.2"]))
        equal(only(objects, "Deployment", other), only(plain, "Deployment", other))

@case("receivers: defaults for Pods and Services reach the controller")
def _():
    default = receiver_defaults()
    equal(default.keys(), {"podSecurityContext", "containerSecurityContext", "resources", "nodeSelector", "topologySpreadConstraints", "service"})
    equal((default["nodeSelector"], default["service"]), ({"kubernetes.io/os": "linux"}, {"ipFamilyPolicy": "PreferDualStack"}))
    equal(default["topologySpreadConstraints"][0]["topologyKey"], "kubernetes.io/hostname")
    got = receiver_defaults("receiver.podLabels.team=a", "receiver.podAnnotations.note=it's $(x)", "receiver.priorityClassName=low",
        'receiver.tolerations:=[{"key":"k","operator":"Exists"}]', 'receiver.affinity:={"nodeAffinity":{}}',
        "receiver.topologySpreadConstraints:=[]", "receiver.service.ipFamilyPolicy=", "receiver.service.ipFamilies={IPv6,IPv4}",
        "receiver.resources.limits.memory=96Mi", "receiver.nodeSelector.disk=ssd")
    equal(receiver_defaults("receiver.commonLabels.cost=c", "commonLabels.x=y")["commonLabels"], {"cost": "c"})
    # A mesh leaves the ports for the controller alone.
    ports = {"traffic.sidecar.istio.io/excludeInboundPorts": "8081,8082,8083"}
    equal(receiver_defaults(f"receiver.podAnnotations:={json.dumps(ports)}")["podAnnotations"], ports)
    equal((got["podLabels"], got["podAnnotations"], got["priorityClassName"]), ({"team": "a"}, {"note": "it's $(x)"}, "low"))
    equal((got["tolerations"], got["affinity"]), ([{"key": "k", "operator": "Exists"}], {"nodeAffinity": {}}))
    equal((got["service"], got["resources"]["limits"]), ({"ipFamilies": ["IPv6", "IPv4"]}, {"memory": "96Mi"}))
    equal(got["nodeSelector"], {"kubernetes.io/os": "linux", "disk": "ssd"})
    assert "topologySpreadConstraints" not in got
    got = receiver_defaults("receiver.service.type=NodePort", "receiver.service.annotations.a=b")
    equal(got["service"], {"ipFamilyPolicy": "PreferDualStack", "type": "NodePort", "annotations": {"a": "b"}})
    args = container("receiver.pods.allowedLabels={team}", "receiver.pods.allowedAnnotations={a.example/*}",
                     "receiver.pods.allowedPriorityClasses={low,middle}")["args"]
    assert {"--receiver-label=team", "--receiver-annotation=a.example/*", "--receiver-priority-class=low", "--receiver-priority-class=middle"} <= set(args)
    assert not [a for a in container()["args"] if a.startswith("--receiver-priority-class")]

@case("values reach the controller")
def _():
    c = container("zoom.oauthUrl=http://sim:8080", "zoom.apiUrl=http://sim:8080", "leaderElection.leaseDuration=9",
                  "zoom.refreshTokenDays=30", "zoom.sealedGrantDays=3", "zoom.dataDeletionDays=7", "concurrency=3", "logging.format=text", "logging.level=debug", "image.repository=r.example/z",
                  "image.tag=v9", "image.pullPolicy=Always", "receiver.imagePullSecrets={p,q}")
    equal(c["image"], "r.example/z:v9")
    equal(c["args"], ["controller", "--zoom-oauth-url=http://sim:8080", "--zoom-api-url=http://sim:8080",
                      "--receiver-image=r.example/z-receiver:v9", "--receiver-image-pull-policy=Always",
                      "--receiver-image-pull-secrets=p,q", "--receiver-rollouts=5",
                      *(a for a in c["args"] if a.startswith("--receiver-defaults=")), "--drain-limit=24h",
                      "--drain-limit-without-sink=10m", *(a for a in c["args"] if a.startswith("--endpoint-")), "--reachability-check", "--network-policies",
                      "--operator-namespace=$(POD_NAMESPACE)", f"--lease-name={N}", "--lease-duration=9",
                      "--journal=/var/lib/zoom-operator/journal", "--refresh-token-days=30", "--sealed-grant-days=3", "--data-deletion-days=7", "--concurrency=3",
                      "--admin-listen=[::]:8081", "--log-format=text", "--log-level=debug"])
    equal([(e["name"], e["valueFrom"]["fieldRef"]["fieldPath"]) for e in c["env"]],
          [("POD_NAME", "metadata.name"), ("POD_NAMESPACE", "metadata.namespace")])

@case("receivers: the operator's policy reaches the controller")
def _():
    def flags(*values):
        return [a for a in container(*values)["args"] if a.startswith(("--allowed", "--sink", "--reach", "--network", "--operator-n", "--receiver-r"))]
    equal(flags(), ["--receiver-rollouts=5", "--reachability-check", "--network-policies", "--operator-namespace=$(POD_NAMESPACE)"])
    hosts = 'receiver.hosts:=[{"namespace":"team-a","pattern":"*.a.example.com"},{"namespace":"*","pattern":"shared.example.com"}]'
    equal(flags(hosts, "receiver.sinks.allowedNetworks={10.0.0.0/8,fd00::/8}", "receiver.sinks.refusedNetworks={2001:db8::/32}", "receiver.networkPolicy.enabled=false",
                "receiver.reachability.enabled=false", "receiver.maxConcurrentRollouts=20"),
          ["--receiver-rollouts=20", "--allowed-hosts=team-a=*.a.example.com", "--allowed-hosts=*=shared.example.com",
           "--sink-allow-network=10.0.0.0/8", "--sink-allow-network=fd00::/8", "--sink-refuse-network=2001:db8::/32"])

@case("receivers: keys that tenants may set on their way in")
def _():
    def flags(*values):
        return [a for a in container(*values)["args"] if a.startswith("--endpoint-")]
    default = flags()
    assert "--endpoint-annotation=cert-manager.io/*" in default and "--endpoint-annotation=external-dns.alpha.kubernetes.io/*" in default
    assert not [a for a in default if "snippet" in a or "alias" in a or a.startswith("--endpoint-label") or a == "--endpoint-annotation=*"]
    equal(flags("receiver.endpoint.allowedAnnotations={a.example/*}", "receiver.endpoint.allowedLabels={team}"),
          ["--endpoint-label=team", "--endpoint-annotation=a.example/*"])
    equal(flags("receiver.endpoint.allowedAnnotations:=[]"), [])

@case("journal: in memory, bounded, writable")
def _():
    for values in ((), (PAGES,)):
        pod = only(render(*values), "Deployment", N)["spec"]["template"]["spec"]
        equal(pod["volumes"], [{"name": "journal", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}}])
        mount, = pod["containers"][0]["volumeMounts"]
        equal(mount, {"name": "journal", "mountPath": "/var/lib/zoom-operator/journal"})
        assert f"--journal={mount['mountPath']}" in pod["containers"][0]["args"]

@case("leader election: a Lease that outlasts a request to Zoom")
def _():
    assert "--lease-duration=45" in container()["args"]

def receiver_image(*values):
    image, = (a.partition("=")[2] for a in container(*values)["args"] if a.startswith("--receiver-image="))
    return image

@case("image: receivers have one of their own, and with digests it must be named")
def _():
    digest = "sha256:" + "a" * 64
    equal(receiver_image("image.repository=r.example:5000/zoom", "image.tag=v9"), "r.example:5000/zoom-receiver:v9")
    equal(receiver_image("image.tag=v9", "receiver.image=r.example/receiver:1"), "r.example/receiver:1")
    c = container("image.tag=v9", f"image.digest={digest}", f"receiver.image=r.example/receiver@{digest}", "receiver.imagePullPolicy=Never")
    equal(c["image"], f"localhost/zoom-operator@{digest}")
    assert {f"--receiver-image=r.example/receiver@{digest}", "--receiver-image-pull-policy=Never"} <= set(c["args"])
    assert "receiver.image is required" in refused(f"image.digest={digest}")

@case("image: an override from when one image served both is named before the rollout")
def _():
    for tail in ("", ":0.1.0", f"@sha256:{'a' * 64}", f":0.1.0@sha256:{'a' * 64}"):
        message = refused("image.repository=r.example:5000/zoom", f"receiver.image=r.example:5000/zoom{tail}")
        assert "remove receiver.image" in message, message
    equal(receiver_image("image.repository=r.example/zoom", "receiver.image=r.example/zoom-receiver:1"), "r.example/zoom-receiver:1")
    def notes(*values):
        return helm("install", N, CHART, "-n", "ops", "--dry-run=client", *sets(values)).partition("NOTES:")[2]
    assert "WARNING: receivers run m.example/old:0.0.9" in notes("receiver.image=m.example/old:0.0.9")
    for fine in ("image.tag=v9 receiver.image=m.example/z:v9", f"receiver.image=m.example/z@sha256:{'a' * 64}", "image.tag=v9"):
        assert "WARNING" not in notes(*fine.split())

@case("pods: scheduling and metadata")
def _():
    values = ("nodeSelector.disk=ssd", "tolerations:=[{\"key\":\"k\",\"operator\":\"Exists\"}]",
              "priorityClassName=high", "imagePullSecrets:=[{\"name\":\"reg\"}]", "podLabels.team=a",
              "podAnnotations.note=b", "commonLabels.cost=c", "affinity:={\"nodeAffinity\":{}}",
              "topologySpreadConstraints:=[{\"maxSkew\":1,\"topologyKey\":\"zone\",\"whenUnsatisfiable\":"
              "\"ScheduleAnyway\",\"labelSelector\":{}}]")
    objects = render(*values)
    pod = only(objects, "Deployment")["spec"]["template"]
    spec = pod["spec"]
    equal((spec["nodeSelector"], spec["priorityClassName"], spec["affinity"]), ({"kubernetes.io/os": "linux", "disk": "ssd"}, "high", {"nodeAffinity": {}}))
    equal((spec["tolerations"], spec["imagePullSecrets"]), ([{"key": "k", "operator": "Exists"}], [{"name": "reg"}]))
    equal(spec["topologySpreadConstraints"][0]["topologyKey"], "zone")
    equal((pod["metadata"]["labels"]["team"], pod["metadata"]["annotations"]["note"]), ("a", "b"))
    assert all(o["metadata"]["labels"]["cost"] == "c" for o in objects)
    default = only(render(), "Deployment")["spec"]
    assert "podAntiAffinity" in default["template"]["spec"]["affinity"]
    equal((default["replicas"], default["strategy"]["rollingUpdate"]["maxUnavailable"],
           default["template"]["spec"]["terminationGracePeriodSeconds"]), (2, 1, 30))

@case("selectors: labels that users add cannot break them")
def _():
    objects = render("podLabels.app\\.kubernetes\\.io/name=x", "commonLabels.app\\.kubernetes\\.io/instance=y")
    deployment = only(objects, "Deployment")["spec"]
    assert deployment["selector"]["matchLabels"].items() <= deployment["template"]["metadata"]["labels"].items()
    for kind in ("Service", "NetworkPolicy", "PodDisruptionBudget"):
        equal(selects(only(objects, kind, N)), deployment["selector"]["matchLabels"])

@case("selectors: what is the controller's catches none of connect's, and the other way round")
def _():
    component = "app\\.kubernetes\\.io/component"
    objects = render(*EVERYTHING, f"podLabels.{component}=connect", f"connect.podLabels.{component}=controller", f"commonLabels.{component}=x")
    pods = {name: only(objects, "Deployment", name)["spec"]["template"]["metadata"]["labels"] for name in (N, C)}
    seen = set()
    for o in objects:
        if o["kind"] not in ("Deployment", "Service", "NetworkPolicy", "PodDisruptionBudget", "ServiceMonitor"):
            continue
        mine = C if o["metadata"]["name"].startswith(C) else N
        if o["kind"] == "ServiceMonitor":
            services = [s for s in objects if s["kind"] == "Service" and selects(o).items() <= s["metadata"]["labels"].items()]
            scraped = {s["metadata"]["name"] for s in services for p in s["spec"]["ports"] if p["name"] == o["spec"]["endpoints"][0]["port"]}
            equal(scraped, {N} if mine == N else {f"{C}-admin"})
        else:
            caught = {name for name, labels in pods.items() if selects(o).items() <= labels.items()}
            equal(caught, set() if o["metadata"]["name"] == f"{N}-uninstall" else {mine}, ident(o))
        seen.add((o["kind"], mine))
    for name in (N, C):
        term, = only(objects, "Deployment", name)["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
        equal(term["podAffinityTerm"]["labelSelector"]["matchLabels"], selects(only(objects, "Deployment", name)))
    equal(len(seen), 10)
