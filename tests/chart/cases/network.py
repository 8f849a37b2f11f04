"""Services, network policies, proxies and authorities."""

import json

from chart import C, CHART, DEFAULT, N, PAGES, TMP, as_json, case, container, equal, helm, ident, idents, only, render, run

@case("services: both IP families where the cluster has them")
def _():
    for o in (o for o in render(PAGES) if o["kind"] == "Service"):
        equal((o["spec"]["ipFamilyPolicy"], o["spec"].get("ipFamilies")), ("PreferDualStack", None), ident(o))
    objects = render(PAGES, "service.ipFamilyPolicy=", "connect.service.ipFamilyPolicy=RequireDualStack", "connect.service.ipFamilies={IPv6,IPv4}")
    for name in (N, f"{C}-admin"):
        assert not {"ipFamilyPolicy", "ipFamilies"} & only(objects, "Service", name)["spec"].keys()
    pages = only(objects, "Service", C)["spec"]
    equal((pages["ipFamilyPolicy"], pages["ipFamilies"]), ("RequireDualStack", ["IPv6", "IPv4"]))

@case("proxy: the controller's environment, and the port in its NetworkPolicy")
def _():
    def env(*values):
        return {e["name"]: e.get("value") or e["valueFrom"].get("secretKeyRef") for e in container(*values)["env"] if "PROXY" in e["name"]}
    def ports(*values):
        return [p["port"] for p in only(render(*values), "NetworkPolicy", N)["spec"]["egress"][1]["ports"]]
    equal(env(), {})
    given = ("proxy.httpsProxy=http://proxy.example.com:3128", r"proxy.noProxy=.svc\,10.0.0.0/8")
    equal(env(*given), {"HTTPS_PROXY": "http://proxy.example.com:3128", "NO_PROXY": ".svc,10.0.0.0/8"})
    equal(ports(*given), [443, 6443, 3128])
    equal(ports("proxy.httpsProxy=proxy.example.com:8080"), [443, 6443, 8080])
    equal(ports("proxy.httpsProxy=https://proxy.example.com"), [443, 6443])
    # A file, which follows the Secret.
    secret = ("proxy.secretRef.name=corp", "proxy.secretRef.key=url")
    equal(env(*secret), {})
    pod = only(render(*secret), "Deployment")["spec"]["template"]["spec"]
    volume, = (v for v in pod["volumes"] if v["name"] == "proxy")
    mount, = (m for m in pod["containers"][0]["volumeMounts"] if m["name"] == "proxy")
    equal(volume["secret"], {"secretName": "corp", "items": [{"key": "url", "path": "https-proxy"}]})
    assert f"--https-proxy-file={mount['mountPath']}/https-proxy" in pod["containers"][0]["args"]
    # connect asks Zoom for nothing.
    equal(container(PAGES, *given, deployment=C), container(PAGES, deployment=C))

@case("caBundle: a file for the controller, from a value or a ConfigMap")
def _():
    pem = TMP / "ca.crt"
    pem.write_text("# ours\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    def parts(objects):
        pod = only(objects, "Deployment", N)["spec"]["template"]
        c = pod["spec"]["containers"][0]
        mount, = (m for m in c["volumeMounts"] if m["name"] == "ca-bundle")
        assert f"--ca-bundle={mount['mountPath']}/ca.crt" in c["args"]
        volume, = (v for v in pod["spec"]["volumes"] if v["name"] == "ca-bundle")
        return volume["configMap"], pod["metadata"]["annotations"]
    objects = as_json(helm("template", N, CHART, "-n", "ops", "--set-file", f"caBundle={pem}"))
    equal(idents(objects), DEFAULT | {f"ConfigMap/ops/{N}-ca-bundle"})
    both = run("helm", "template", N, CHART, "--set-file", f"caBundle={pem}", "--set", "caBundleConfigMap.name=corp")
    assert "choose one" in both.stderr, both.stderr
    equal(only(objects, "ConfigMap")["data"]["ca.crt"].strip(), pem.read_text().strip())
    volume, annotations = parts(objects)
    equal(volume, {"name": f"{N}-ca-bundle", "items": [{"key": "ca.crt", "path": "ca.crt"}]})
    assert annotations["zoom-operator.io/ca-bundle"]
    volume, _ = parts(render("caBundleConfigMap.name=corp", "caBundleConfigMap.key=bundle.pem"))
    equal(volume, {"name": "corp", "items": [{"key": "bundle.pem", "path": "ca.crt"}]})
    assert not [a for a in container()["args"] if "ca-bundle" in a]

@case("networkPolicy: admin port in; DNS, Zoom, API server and receivers' facts out")
def _():
    def ports(values, rule):
        return [p["port"] for p in only(render(*values), "NetworkPolicy", N)["spec"]["egress"][rule]["ports"]]
    spec = only(render(), "NetworkPolicy", N)["spec"]
    equal((spec["policyTypes"], spec["ingress"]), (["Ingress", "Egress"], [{"ports": [{"port": "admin", "protocol": "TCP"}]}]))
    equal((ports((), 0), ports((), 1), ports((), 2)), ([53, 53], [443, 6443], [8082, 8083]))
    equal(ports(("zoom.oauthUrl=http://sim:8080", "zoom.apiUrl=http://sim"), 1), [443, 6443, 8080, 80])
    equal(ports(("networkPolicy.apiServerPorts={7443}", "networkPolicy.extraEgressPorts={3128}"), 1), [443, 7443, 3128])
    equal(ports(("networkPolicy.dnsPorts={5353}",), 0), [5353, 5353])
    equal(spec["egress"][2]["to"][0]["namespaceSelector"], {})
    narrow = only(render("watchNamespaces={a}"), "NetworkPolicy", N)["spec"]["egress"][2]["to"][0]
    equal(narrow["namespaceSelector"]["matchExpressions"][0]["values"], ["a"])
    peer = "networkPolicy.ingressFrom:=[{\"podSelector\":{\"matchLabels\":{\"app\":\"prometheus\"}}}]"
    equal(only(render(peer), "NetworkPolicy", N)["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"], {"app": "prometheus"})

@case("networkPolicy: connect is asked by anybody for its pages, and asks names and the API server only")
def _():
    spec = only(render(PAGES), "NetworkPolicy", C)["spec"]
    tcp = lambda *ports: {"ports": [{"port": p, "protocol": "TCP"} for p in ports]}
    dns = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
    equal((spec["policyTypes"], spec["ingress"]), (["Ingress", "Egress"], [tcp("http"), tcp("admin")]))
    equal(spec["egress"], [dns, tcp(443, 6443)])
    # Neither Zoom nor a proxy nor receivers.
    spec = only(render(PAGES, "networkPolicy.apiServerPorts={7443}", "networkPolicy.extraEgressPorts={3128}",
                       "zoom.oauthUrl=http://sim:8080"), "NetworkPolicy", C)["spec"]
    equal(spec["egress"], [dns, tcp(7443)])
    peers = [{"podSelector": {"matchLabels": {"app": app}}} for app in ("ingress", "prometheus")]
    spec = only(render(PAGES, f"connect.networkPolicy.ingressFrom:={json.dumps(peers[:1])}",
                       f"networkPolicy.ingressFrom:={json.dumps(peers[1:])}"), "NetworkPolicy", C)["spec"]
    equal(spec["ingress"], [{**tcp("http"), "from": peers[:1]}, {**tcp("admin"), "from": peers[1:]}])
