"""What the release may do, where, and what administrators can refuse others."""

import json, re

from chart import ALLOWED, C, CHART, DEFAULT, N, PAGES, SELECTOR, case, container, equal, helm, ident, idents, only, refused, render, sets

@case("watchNamespaces: the same rules, bound in each namespace")
def _():
    wide, narrow = render(), render("watchNamespaces={a,b}")
    for namespace in "ab":
        role, = (o for o in narrow if ident(o) == f"Role/{namespace}/{N}")
        binding, = (o for o in narrow if ident(o) == f"RoleBinding/{namespace}/{N}")
        # The labels of namespaces are watched only by who serves all of them.
        everywhere = [dict(r, verbs=["get"]) if r["resources"] == ["namespaces"] else r for r in only(wide, "ClusterRole", N)["rules"]]
        equal(role["rules"], everywhere)
        equal(binding["roleRef"], {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": N})
        equal(binding["subjects"], [{"kind": "ServiceAccount", "name": N, "namespace": "ops"}])
    assert "--watch-namespaces=a,b" in container("watchNamespaces={a,b}")["args"]
    assert not [a for a in container()["args"] if a.startswith("--watch-namespaces")]

SELECTED = {"matchLabels": {"zoom": "yes"}, "matchExpressions": [{"key": "stage", "operator": "NotIn", "values": ["test"]}]}

def scope(args):
    return [a for a in args if a.startswith(("--watch-", "--operator-class"))]

@case("scope: by labels and by class, for the controller and for the check before it is uninstalled")
def _():
    equal(scope(container()["args"]), [])
    objects = render(SELECTOR, "operatorClass=blue")
    for kind, name in (("Deployment", N), ("Job", f"{N}-uninstall")):
        got = scope(only(objects, kind, name)["spec"]["template"]["spec"]["containers"][0]["args"])
        equal(len(got), 2)
        flag, _, selector = got[0].partition("=")
        equal((flag, json.loads(selector), got[1]), ("--watch-namespace-selector", SELECTED, "--operator-class=blue"))
    equal(idents(objects), DEFAULT)
    peer = only(objects, "NetworkPolicy", N)["spec"]["egress"][2]["to"][0]
    equal(peer["namespaceSelector"], SELECTED)
    equal(only(objects, "ClusterRole", N)["rules"], only(render(), "ClusterRole", N)["rules"])
    assert "choose one" in refused(SELECTOR, "watchNamespaces={a}")
    text = helm("install", N, CHART, "-n", "ops", "--dry-run=client", *sets([SELECTOR, "operatorClass=blue"]))
    assert '"zoom":"yes"' in text and "of operatorClass blue." in text, text

@case("scope: an admission policy judges the class of its release, in its namespaces")
def _():
    for values, want in (((), "''"), (("operatorClass=blue",), "'blue'")):
        policies = [o["spec"] for o in render(*ALLOWED, *values) if o["kind"] == "ValidatingAdmissionPolicy"]
        of = lambda p: p["matchConstraints"]["resourceRules"][0]["resources"]
        # A ZoomConnection has no class of its own.
        assert not [p for p in policies if of(p) != ["zoomintegrations"] and "matchConditions" in p]
        equal({p["matchConditions"][0]["expression"] for p in policies if of(p) == ["zoomintegrations"]}, {f"object.spec.?operatorClass.orValue('') == {want}"})
    bindings = [o["spec"] for o in render(*(v for v in ALLOWED if "namespaceSelector" not in v), SELECTOR)
                if o["kind"] == "ValidatingAdmissionPolicyBinding"]
    assert bindings and all(b["matchResources"] == {"namespaceSelector": SELECTED} for b in bindings)

@case("rbac: no wildcard, and nothing beyond what is listed here")
def _():
    full = {"get", "list", "watch", "create", "patch", "delete"}
    want = {"zoomintegrations": {"get", "list", "watch", "patch"}, "zoomintegrations/status": {"get", "patch"},
            "zoomintegrations/finalizers": {"update"}, "zoomconnections": {"get", "list", "watch", "create", "patch"},
            "zoomconnections/status": {"get", "patch"}, "zoomconnections/finalizers": {"update"},
            "secrets": full | {"update"}, "namespaces": {"get"}, "services": full, "serviceaccounts": full,
            "deployments": full, "statefulsets": full, "persistentvolumeclaims": {"get", "patch"}, "poddisruptionbudgets": full, "ingresses": full, "networkpolicies": full,
            "httproutes": full, "replicasets": {"get"}, "pods": {"get", "list", "watch"}, "events": {"create", "patch", "list"}}
    for values in ((), ("watchNamespaces={a}",), (PAGES,), (PAGES, "watchNamespaces={a}")):
        objects = render(*values)
        for role in (o for o in objects if o["kind"] in ("Role", "ClusterRole")):
            for rule in role["rules"]:
                assert "*" not in sum(rule.values(), []), f"wildcard in {ident(role)}"
        role = only(objects, "Role" if "watchNamespaces={a}" in values else "ClusterRole", N)
        got = {resource: set(rule["verbs"]) for rule in role["rules"] for resource in rule["resources"]}
        equal(got, want if "watchNamespaces={a}" in values else want | {"namespaces": {"get", "list", "watch"}})
        lease = only(objects, "Role", f"{N}-leader-election")["rules"]
        equal([(set(r["verbs"]), r.get("resourceNames")) for r in lease],
              [({"create"}, None), ({"get", "update", "patch"}, [N])])
        consent = {rule["resources"][0]: set(rule["verbs"]) for rule in only(objects, "Role", f"{N}-consent")["rules"]}
        equal(consent, {"pods": {"get"}} | ({"secrets": full | {"update"}} if PAGES in values else {}))

@case("rbac: finalizers can go where the Role went first, if the value says so")
def _():
    name = f"{N}-finalizers"
    both = ("watchNamespaces={a}", "rbac.finalizersEverywhere=true")
    equal(only(render(*both), "ClusterRole", name)["rules"],
          [{"apiGroups": ["zoom-operator.io"], "resources": ["zoomintegrations", "zoomconnections"], "verbs": ["get", "list", "watch", "patch"]},
           {"apiGroups": ["zoom-operator.io"], "resources": ["zoomintegrations/status", "zoomconnections/status"], "verbs": ["patch"]},
           {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}])
    for values in (("watchNamespaces={a}",), ("rbac.finalizersEverywhere=true",)):
        assert not [o for o in render(*values) if o["metadata"]["name"] == name]

@case("rbac: workloads of others are restarted only where the value says so")
def _():
    want = {"apiGroups": ["apps"], "resources": ["deployments", "statefulsets", "daemonsets"], "verbs": ["patch"]}
    for values, allowed in (((), False), (("restartWorkloads=true",), True), (("restartWorkloads=true", "watchNamespaces={a}"), True)):
        role = only(render(*values), "Role" if len(values) > 1 else "ClusterRole", N)
        equal([r for r in role["rules"] if "daemonsets" in r["resources"]], [want] if allowed else [])
        equal("--restart-workloads" in container(*values)["args"], allowed)

def granted(objects, account):
    """Every rule that any binding gives to a ServiceAccount of the release: (where, group, resource, verb, names)."""
    found = set()
    for binding in (o for o in objects if o["kind"] in ("RoleBinding", "ClusterRoleBinding")):
        subjects = [(s["kind"], s["namespace"], s["name"]) for s in binding["subjects"]]
        if ("ServiceAccount", "ops", account) not in subjects:
            continue
        equal(len(subjects), 1)
        place, ref = binding["metadata"].get("namespace"), binding["roleRef"]
        role, = (o for o in objects if (o["kind"], o["metadata"]["name"]) == (ref["kind"], ref["name"])
                 and o["metadata"].get("namespace") == (place if ref["kind"] == "Role" else None))
        for rule in role["rules"]:
            assert not rule.keys() - {"apiGroups", "resources", "verbs", "resourceNames"}, rule
            found |= {(place or "everywhere", group, resource, verb, tuple(rule.get("resourceNames", ())))
                      for group in rule["apiGroups"] for resource in rule["resources"] for verb in rule["verbs"]}
    return found

@case("rbac: connect reads two kinds by name, creates Secrets beside itself, and nothing else")
def _():
    def want(*places):
        return {(place, "zoom-operator.io", kind, "get", ()) for place in places for kind in ("zoomintegrations", "zoomconnections")} \
            | {("ops", "", "secrets", "create", ())}
    equal(granted(render(PAGES), C), want("everywhere"))
    for served in (("a", "b"), ("a", "ops")):
        equal(granted(render(PAGES, f"watchNamespaces:={json.dumps(served)}"), C), want(*served))
    equal(granted(render(PAGES, "connect.serviceAccount.name=mine"), "mine"), want("everywhere"))
    # Another account has its permissions instead, and the pages give the controller only what concerns handing over.
    equal(granted(render(PAGES, "connect.serviceAccount.name=mine"), C), set())
    equal(granted(render(PAGES), N) - granted(render(), N),
          {("ops", "", "secrets", verb, ()) for verb in ("get", "list", "watch", "create", "update", "patch", "delete")})
    assert "the controller's" in refused(PAGES, f"connect.serviceAccount.name={N}")
    assert "the controller's" in refused(PAGES, "serviceAccount.name=x", "connect.serviceAccount.create=false", "connect.serviceAccount.name=x")

@case("rbac: aggregated roles reach view, edit and admin, and never the status for writing")
def _():
    objects, prefix = render(), "rbac.authorization.k8s.io/aggregate-to-"
    for name, targets in (("view", {"view", "edit", "admin"}), ("edit", {"edit", "admin"})):
        role = only(objects, "ClusterRole", f"{N}-{name}")
        equal({k.removeprefix(prefix) for k in role["metadata"]["labels"] if k.startswith(prefix)}, targets)
    equal(only(objects, "ClusterRole", f"{N}-edit")["rules"][0]["resources"], ["zoomintegrations", "zoomconnections"])
    view, = only(objects, "ClusterRole", f"{N}-view")["rules"]
    equal((set(view["resources"]), view["verbs"]), ({f"{kind}{part}" for kind in ("zoomintegrations", "zoomconnections")
                                                    for part in ("", "/status")}, ["get", "list", "watch"]))

@case("admission policies: hosts, sinks, classes and distribution, judged only where they change")
def _():
    objects = render(PAGES, *ALLOWED, 'admissionPolicies.sinks.allowed:=[{"namespace":"*","pattern":"*.sink.example"}]',
                     "admissionPolicies.priorityClasses.allowed={low,high}", "admissionPolicies.distribution.allowed={Private,Unlisted}",
                     "admissionPolicies.validationActions={Warn,Audit}", 'admissionPolicies.namespaceSelector:={"matchLabels":{"zoom":"yes"}}')
    def rules(name):
        policy = only(objects, "ValidatingAdmissionPolicy", f"{N}-{name}")["spec"]
        equal((policy["failurePolicy"], policy["matchConstraints"]["resourceRules"][0]["operations"]), ("Fail", ["CREATE", "UPDATE"]))
        binding = only(objects, "ValidatingAdmissionPolicyBinding", f"{N}-{name}")["spec"]
        equal((binding["policyName"], binding["validationActions"]), (f"{N}-{name}", ["Warn", "Audit"]))
        equal(binding["matchResources"], {"namespaceSelector": {"matchLabels": {"zoom": "yes"}}})
        for v in policy["validations"]:
            assert re.match(r"variables\.(\w+) == variables\.before \|\| ", v["expression"]), v["expression"]
            assert "administrator" in v["messageExpression"] or "consent pages" in v["messageExpression"]
        return [v["expression"].partition(" || ")[2] for v in policy["validations"]]
    equal(rules("hosts"), ["variables.host == '' || (request.namespace == \"team-a\" && variables.host.endsWith(\".a.example.com\")) || "
                           "(variables.host == \"s.example.com\")", 'variables.host != "connect.example.com"'])
    equal(rules("sinks"), ["variables.host == '' || (variables.host.endsWith(\".sink.example\"))"])
    equal(rules("connection-sinks"), rules("sinks"))
    equal(only(objects, "ValidatingAdmissionPolicy", f"{N}-connection-sinks")["spec"]["matchConstraints"]["resourceRules"][0]["resources"], ["zoomconnections"])
    equal(rules("priority-classes"), ['variables.class in ["low","high",""]'])
    equal(rules("distribution"), ['variables.distribution in ["Private","Unlisted"]'])

@case("admission policies: none with watchNamespaces, and the notes say so")
def _():
    assert not [o for o in render("watchNamespaces={a}", *ALLOWED) if o["kind"].startswith("Validating")]
    text = helm("install", N, CHART, "-n", "ops", "--dry-run=client", *sets(["watchNamespaces={a}", *ALLOWED]))
    equal(text.count("is enabled but not installed"), 4)
