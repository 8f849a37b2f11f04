"""Which objects are rendered: by default, with consent pages, and with each value that adds or removes some."""

import shutil

from chart import C, CHART, CRDS, CRD_NAMES, DEFAULT, EVERYTHING, GATEWAY, HERE, INGRESS, N, PAGES, TMP, as_json, case, equal, helm, ident, idents, only, render, selects, sets

BOUND = {x for x in DEFAULT if x.startswith(("ClusterRole", "Role")) and not x.endswith(("-view", "-edit"))}

WITH_PAGES = DEFAULT | {
    f"ServiceAccount/ops/{C}", f"ClusterRole/{C}", f"ClusterRoleBinding/{C}", f"Role/ops/{C}-handoff",
    f"RoleBinding/ops/{C}-handoff", f"Deployment/ops/{C}", f"Service/ops/{C}", f"Service/ops/{C}-admin",
    f"PodDisruptionBudget/ops/{C}", f"NetworkPolicy/ops/{C}"}

@case("default renders exactly its objects")
def _():
    assert CRDS, "crds/ is empty"
    equal(idents(render()), DEFAULT)

@case("connect: with connect.url exactly its objects are added")
def _():
    equal(idents(render(PAGES)), WITH_PAGES)

TOGGLES = [
    ("crds.enabled=false", set(), CRD_NAMES),
    ("serviceAccount.create=false serviceAccount.name=mine", set(), {f"ServiceAccount/ops/{N}"}),
    ("rbac.create=false", set(), BOUND),
    ("uninstallCheck.enabled=false", set(), {f"{kind}/ops/{N}-uninstall" for kind in ("Job", "NetworkPolicy")}),
    ("rbac.aggregateRoles=false", set(), {f"ClusterRole/{N}-view", f"ClusterRole/{N}-edit"}),
    ("podDisruptionBudget.enabled=false", set(), {f"PodDisruptionBudget/ops/{N}"}),
    ("replicas=1", set(), {f"PodDisruptionBudget/ops/{N}"}),
    ("networkPolicy.enabled=false", set(), {f"NetworkPolicy/ops/{N}", f"NetworkPolicy/ops/{N}-uninstall"}),
    ("service.enabled=false", set(), {f"Service/ops/{N}"}),
    ("serviceMonitor.enabled=true", {f"ServiceMonitor/ops/{N}"}, set()),
    ("podMonitor.enabled=true", {f"PodMonitor/ops/{N}-receivers"}, set()),
    ("grafanaDashboard.enabled=true", {f"ConfigMap/ops/{N}-dashboard"}, set()),
    *((f"admissionPolicies.{key}.enabled=true", {f"ValidatingAdmissionPolicy{kind}/{N}-{name}" for kind in ("", "Binding") for name in names}, set())
      for key, names in (("hosts", ("hosts",)), ("sinks", ("sinks", "connection-sinks")), ("priorityClasses", ("priority-classes",)), ("distribution", ("distribution",)))),
    ("prometheusRule.enabled=true", {f"PrometheusRule/ops/{N}"}, set()),
    ("watchNamespaces={a,b}", {f"{k}/{ns}/{N}" for k in ("Role", "RoleBinding") for ns in "ab"},
     {x for x in DEFAULT if x.startswith("ClusterRole")}),
]

for toggle, added, removed in TOGGLES:
    @case(f"toggle {toggle}")
    def _(toggle=toggle, added=added, removed=removed):
        equal(idents(render(*toggle.split())), DEFAULT - removed | added)

PAGES_TOGGLES = [
    ("connect.serviceAccount.create=false connect.serviceAccount.name=mine", set(), {f"ServiceAccount/ops/{C}"}),
    ("serviceAccount.create=false serviceAccount.name=mine", set(), {f"ServiceAccount/ops/{N}"}),
    ("rbac.create=false", set(), {x for x in WITH_PAGES if x.startswith(("ClusterRole", "Role"))} - {f"ClusterRole/{N}-view", f"ClusterRole/{N}-edit"}),
    ("connect.podDisruptionBudget.enabled=false", set(), {f"PodDisruptionBudget/ops/{C}"}),
    ("connect.replicas=1", set(), {f"PodDisruptionBudget/ops/{C}"}),
    ("replicas=1", set(), {f"PodDisruptionBudget/ops/{N}"}),
    ("networkPolicy.enabled=false", set(), {f"NetworkPolicy/ops/{n}" for n in (N, C, f"{N}-uninstall")}),
    ("service.enabled=false", set(), {f"Service/ops/{N}", f"Service/ops/{C}-admin"}),
    ("serviceMonitor.enabled=true", {f"ServiceMonitor/ops/{N}", f"ServiceMonitor/ops/{C}"}, set()),
    (INGRESS, {f"Ingress/ops/{C}"}, set()),
    (" ".join(GATEWAY), {f"HTTPRoute/ops/{C}"}, set()),
    # Also where the release's own namespace is served, no two objects have one name.
    ("watchNamespaces={a,ops}", {f"{k}/{ns}/{n}" for k in ("Role", "RoleBinding") for ns in ("a", "ops") for n in (N, C)},
     {x for x in WITH_PAGES if x.startswith("ClusterRole")}),
]

for toggle, added, removed in PAGES_TOGGLES:
    @case(f"connect: toggle {toggle}")
    def _(toggle=toggle, added=added, removed=removed):
        equal(idents(render(PAGES, *toggle.split())), WITH_PAGES - removed | added)

@case("lint --strict")
def _():
    helm("lint", "--strict", CHART)
    helm("lint", "--strict", CHART, *sets(EVERYTHING))
    helm("lint", "--strict", CHART, *sets(["watchNamespaces={a,b}"]))

@case("uninstall check: a hook before the deletion, as hardened as the controller, whose Pod nothing else selects")
def _():
    objects = render("watchNamespaces={a,b}", "imagePullSecrets:=[{\"name\":\"reg\"}]", "podSecurityContext.runAsUser=null", "podLabels.a=b")
    job = only(objects, "Job")
    equal(job["metadata"]["annotations"]["helm.sh/hook"], "pre-delete")
    pod, controller = job["spec"]["template"], only(objects, "Deployment")["spec"]["template"]
    for key in ("serviceAccountName", "securityContext", "imagePullSecrets", "nodeSelector"):
        equal(pod["spec"][key], controller["spec"][key], key)
    c, of_controller = pod["spec"]["containers"][0], controller["spec"]["containers"][0]
    equal((c["image"], c["args"], c["securityContext"]), (of_controller["image"], ["uninstall-check", "--watch-namespaces=a,b"], of_controller["securityContext"]))
    equal(only(render(), "Job")["spec"]["template"]["spec"]["containers"][0]["args"], ["uninstall-check"])
    for o in objects:
        if o["kind"] in ("Service", "NetworkPolicy", "PodDisruptionBudget") and o["metadata"]["name"] == N:
            assert not selects(o).items() <= pod["metadata"]["labels"].items(), ident(o)

@case("uninstall check: a Pod as a cluster with quotas, policies, default-deny and a mesh asks for")
def _():
    def job(*values):
        template = only(render(*values), "Job")["spec"]["template"]
        return template["metadata"], template["spec"]["containers"][0]["resources"]
    metadata, resources = job()
    own = {"app.kubernetes.io/name": f"{N}-uninstall", "app.kubernetes.io/component": "uninstall-check"}
    equal(metadata, {"labels": own | {"sidecar.istio.io/inject": "false"}, "annotations": {"linkerd.io/inject": "disabled"}})
    equal(resources, {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}})
    metadata, resources = job("commonLabels.cost=c", "podLabels.team=a", "podAnnotations.note=b", "uninstallCheck.podLabels.team=mine",
                              r"podLabels.sidecar\.istio\.io/inject=x", r"podLabels.app\.kubernetes\.io/name=x",
                              "uninstallCheck.podAnnotations.more=d", "uninstallCheck.resources.limits.cpu=100m")
    equal(metadata["labels"], own | {"sidecar.istio.io/inject": "false", "cost": "c", "team": "mine"})
    equal(metadata["annotations"], {"linkerd.io/inject": "disabled", "note": "b", "more": "d"})
    equal(resources["limits"], {"memory": "64Mi", "cpu": "100m"})
    policy = only(render("networkPolicy.apiServerPorts={8443}"), "NetworkPolicy", f"{N}-uninstall")
    equal((policy["metadata"]["annotations"]["helm.sh/hook"], int(policy["metadata"]["annotations"]["helm.sh/hook-weight"]) < 0), ("pre-delete", True))
    equal(policy["spec"]["podSelector"]["matchLabels"], own)
    equal([p["port"] for rule in policy["spec"]["egress"] for p in rule["ports"]], [53, 53, 8443])

@case("upgrade: what the previous version had as values, over the new defaults and instead of them")
def _():
    previous = HERE / "values-0.2.0.yaml"
    equal(idents(as_json(helm("template", N, CHART, "-n", "ops", "-f", previous))), DEFAULT)
    # helm upgrade --reuse-values: nothing knows the new defaults.
    chart = TMP / "reuse-values"
    shutil.copytree(CHART, chart)
    shutil.copy(previous, chart / "values.yaml")
    equal(idents(render(chart=chart)), DEFAULT)
    assert WITH_PAGES <= idents(render(*EVERYTHING, chart=chart))

@case("names: long release names stay valid, two releases do not collide")
def _():
    for release in ("a" * 53, "x", "my-zoom-operator"):
        for o in render(*EVERYTHING, release=release):
            assert len(o["metadata"]["name"]) <= 63 or o["kind"] in ("Role", "RoleBinding", "CustomResourceDefinition"), ident(o)
            assert all(len(v) <= 63 for v in o["metadata"]["labels"].values())
        connect, = (o for o in render(PAGES, release=release) if o["kind"] == "Deployment" and o["metadata"]["name"].endswith("-connect"))
        assert len(connect["spec"]["template"]["spec"]["volumes"][0]["secret"]["secretName"]) <= 63
    assert not (idents(render("crds.enabled=false", release="x")) & idents(render("crds.enabled=false", release="y")))

@case("notes: the next step, and a warning without TLS")
def _():
    def notes(*values):
        return helm("install", N, CHART, "-n", "ops", "--dry-run=client", *sets(values)).partition("NOTES:")[2]
    assert "kubectl get zint" in notes() and "WARNING" not in notes()
    assert "WARNING: zoom.oauthUrl is http://sim:8080" in notes("zoom.oauthUrl=http://sim:8080")
    assert "connect.url is not set" in notes()
    assert "get zint my-zoom -n default" in notes() and "operatorClass" not in notes()
    served = notes("watchNamespaces={a,b}", "operatorClass=gov")
    assert all(f"{command} -n a" in served for command in ("generic my-zoom", "kubectl apply", "get zint my-zoom", "describe zint my-zoom"))
    assert "\n    operatorClass: gov\n    app:" in served
    assert 'labels {"matchLabels":{"zoom":"yes"}}' in notes('watchNamespaceSelector:={"matchLabels":{"zoom":"yes"}}')
    assert "https://connect.example.com" in notes(PAGES) and f"Service {C}, port 80" in notes(PAGES)
    assert "Nothing of this release" not in notes(PAGES, INGRESS) and "Nothing of this release" not in notes(PAGES, *GATEWAY)
    assert f"service/{C} 8080:http" in notes("connect.url=http://localhost:8080/x")
