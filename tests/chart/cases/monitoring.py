"""Monitors, dashboard and alerts, and the documentation that belongs to them."""

import json, pathlib, re, shutil

import alerts
from chart import C, CRDS, EVERYTHING, N, PAGES, REPO, TMP, as_json, case, equal, only, render, run

METRICS = {f"zoom_operator_{m}" for m in (
    "integrations", "integrations_stalled", "token_soonest_expiry_timestamp_seconds", "tokens_expired", "work_overdue",
    "connections", "connections_stalled", "receivers_unavailable", "endpoints_unvalidated", "token_requests_total", "reconciliations_total", "receivers",
    "endpoint_oldest_validation_timestamp_seconds", "buffers_full", "buffers_failed", "damaged_stores", "buffered_events", "buffered_oldest_age_seconds", "dead_letters",
    "connections_unrouted", "unclaimed_accounts", "consents_total", "namespace_unwatched_kinds", "objects_served_twice", "resource_not_ready",
    "reconciliation_duration_seconds", "leader")} | {f"zoom_receiver_{m}" for m in (
    "requests_total", "verified_requests_total", "sink_deliveries_total", "buffer_dropped_dead_letters_total")}

@case("monitors: relabelings, and the receivers' Pods in the namespaces that are served")
def _():
    rule = [{"sourceLabels": ["__meta_kubernetes_pod_node_name"], "targetLabel": "node"}]
    drop = [{"action": "drop", "sourceLabels": ["__name__"], "regex": "x"}]
    values = [f"{m}.{k}:={json.dumps(v)}" for m in ("serviceMonitor", "podMonitor") for k, v in (("relabelings", rule), ("metricRelabelings", drop))]
    objects = render(*EVERYTHING, *values, "podMonitor.interval=15s", "podMonitor.labels.release=p")
    for name in (N, C):
        endpoint = only(objects, "ServiceMonitor", name)["spec"]["endpoints"][0]
        equal((endpoint["relabelings"], endpoint["metricRelabelings"]), (rule, drop))
    monitor = only(objects, "PodMonitor")
    endpoint = monitor["spec"]["podMetricsEndpoints"][0]
    equal(endpoint, {"port": "admin", "path": "/metrics", "interval": "15s", "relabelings": rule, "metricRelabelings": drop})
    equal((monitor["metadata"]["labels"]["release"], monitor["spec"]["namespaceSelector"]), ("p", {"any": True}))
    equal(monitor["spec"]["selector"]["matchLabels"], {"app.kubernetes.io/name": "zoom-receiver", "app.kubernetes.io/managed-by": "zoom-operator"})
    equal(only(render("podMonitor.enabled=true", "watchNamespaces={a,b}"), "PodMonitor")["spec"]["namespaceSelector"], {"matchNames": ["a", "b"]})

def metrics_of(expression):
    found = set(re.findall(r"zoom_(?:operator|receiver)_\w+", expression)) - {"zoom_operator_io_integration"}
    return {re.sub(r"_bucket$", "", metric) for metric in found}

@case("dashboard: valid, only exported metrics, and those of the controller all shown")
def _():
    config = only(render("grafanaDashboard.enabled=true", "grafanaDashboard.annotations.folder=zoom"), "ConfigMap")
    equal((config["metadata"]["labels"]["grafana_dashboard"], config["metadata"]["annotations"]), ("1", {"folder": "zoom"}))
    dashboard = json.loads(config["data"]["zoom-operator.json"])
    used, ids, places = set(), set(), set()
    for panel in dashboard["panels"]:
        assert panel["title"] and panel["targets"], panel
        ids.add(panel["id"])
        places.add((panel["gridPos"]["x"], panel["gridPos"]["y"]))
        for target in panel["targets"]:
            used |= metrics_of(target["expr"])
    equal((len(ids), len(places)), (len(dashboard["panels"]),) * 2)
    assert used <= METRICS, used - METRICS
    equal({m for m in METRICS - used if "operator" in m}, {"zoom_operator_endpoint_oldest_validation_timestamp_seconds", "zoom_operator_consents_total"})

@case("alerts: those of receivers only where they are scraped")
def _():
    def names(*values):
        rule = only(render("prometheusRule.enabled=true", *values), "PrometheusRule")
        return {a["alert"]: a["expr"] for a in rule["spec"]["groups"][0]["rules"]}
    mine = {"ZoomSignaturesRejected", "ZoomSinkFailing", "ZoomEventsNotTaken", "ZoomDeadLettersDropped"}
    assert not mine & names().keys() and mine <= names("podMonitor.enabled=true").keys()
    own = names('prometheusRule.receiverSelector=team="z"')
    for name in mine:
        equal(own[name].count('{team="z"'), own[name].count("zoom_receiver_"))
        assert "job=" not in own[name]

@case("alerts: only exported metrics, each with its runbook section")
def _():
    rule = only(render(*EVERYTHING, "prometheusRule.runbookBaseUrl=https://r.example/runbooks.md"), "PrometheusRule")
    headings = re.findall(r"^##+ (.+)$", (REPO / "docs/runbooks.md").read_text(), re.M)
    anchors = {h.lower().replace(" ", "-") for h in headings}
    used = set()
    for alert in rule["spec"]["groups"][0]["rules"]:
        used |= metrics_of(alert["expr"])
        job = f"{C}-admin" if alert["alert"] in ("ZoomConnectUnavailable", "ZoomConsentsFail") else N
        of_receivers = f'job="ops/{N}-receivers"' in alert["expr"] and "zoom_receiver_" in alert["expr"]
        assert of_receivers or f'namespace="ops",job="{job}"' in alert["expr"], alert["expr"]
        base, anchor = alert["annotations"]["runbook_url"].split("#")
        equal((base, anchor), ("https://r.example/runbooks.md", alert["alert"].lower()))
        assert anchor in anchors, f"no section for {alert['alert']}"
        assert "{{" not in alert["expr"] and alert["annotations"]["summary"] and alert["labels"]["severity"]
    assert used <= METRICS, used - METRICS
    for metric in ("tokens_expired", "work_overdue", "receivers_unavailable", "endpoints_unvalidated", "leader",
                   "connections", "connections_stalled", "connections_unrouted", "unclaimed_accounts", "buffers_full", "buffers_failed", "damaged_stores", "dead_letters", "receivers"):
        assert f"zoom_operator_{metric}" in used, metric

@case("alerts: each fires in its situation, with its words, and in no other")
def _():
    rules = only(render(*EVERYTHING), "PrometheusRule")["spec"]
    file = TMP / "rules.json"
    file.write_text(json.dumps(rules))
    promtool("check", "rules", "--lint-fatal", file)
    (TMP / "alerts.json").write_text(json.dumps(alerts.unit_tests(rules["groups"][0]["rules"], file)))
    promtool("test", "rules", TMP / "alerts.json")

def promtool(*arguments):
    """Prometheus' own judge, from PATH or from the module that the test cluster pins."""
    tool = shutil.which("promtool") or pathlib.Path(run(REPO / "tests/cluster/build", "prometheus").stdout.strip()).with_name("promtool")
    done = run(tool, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr

@case("alerts: connect's only where it is, and by the job that its Service makes")
def _():
    def expressions(*values):
        rule = only(render("prometheusRule.enabled=true", *values), "PrometheusRule")
        return {a["alert"]: a["expr"] for a in rule["spec"]["groups"][0]["rules"]}
    assert "ZoomConnectUnavailable" not in expressions() and "ZoomConnectionStalled" in expressions()
    only(render(PAGES), "Service", f"{C}-admin")
    equal(expressions(PAGES)["ZoomConnectUnavailable"], f'(sum(up{{namespace="ops",job="{C}-admin"}}) or vector(0)) < 1')
    both = expressions(PAGES, 'prometheusRule.selector=app="z"', 'prometheusRule.connectSelector=app="c"')
    assert 'up{app="c"}' in both["ZoomConnectUnavailable"] and 'leader{app="z"}' in both["ZoomOperatorNoLeader"]

@case("docs: every phase of the CRD has its row and its runbook section")
def _():
    crd, = (o for p in CRDS for o in as_json(p.read_text()) if o["spec"]["names"]["kind"] == "ZoomIntegration")
    status = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    phase = status["phase"]
    words = phase.get("enum") or [w for option in phase["oneOf"] for w in option["enum"]]
    words = [word for word in words if word]
    assert len(words) >= 8, words
    table, runbooks = (REPO / "docs/status.md").read_text(), (REPO / "docs/runbooks.md").read_text()
    for word in words:
        assert f"| `{word}` |" in table, f"docs/status.md lacks {word}"
        assert f"\n### {word}\n" in runbooks, f"docs/runbooks.md lacks {word}"
