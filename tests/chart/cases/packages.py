"""The CRDs, the archive, the base for Kustomize, and the schemas of all objects."""

import json, pathlib, re, shutil, subprocess

from chart import ALLOWED, CHART, CRDS, CRD_NAMES, DEFAULT, EVERYTHING, N, PAGES, REPO, SELECTOR, TMP, as_json, case, equal, helm, idents, only, refused, render, run, sets, template

@case("crds: the same as crds/, kept unless told otherwise")
def _():
    kept, plain = render(), render("crds.keep=false")
    for path in CRDS:
        source = as_json(path.read_text())[0]
        name = source["metadata"]["name"]
        for objects, policy in ((kept, "keep"), (plain, None)):
            crd = only(objects, "CustomResourceDefinition", name)
            equal(crd["metadata"].get("annotations", {}).get("helm.sh/resource-policy"), policy)
            equal(crd["spec"], source["spec"], "spec")
            for key, value in source["metadata"].get("annotations", {}).items():
                equal(crd["metadata"]["annotations"][key], value)
        # Numbers and long texts survive as written, not as 1e+06 or cut lines.
        assert not re.search(r": [0-9.]+e\+[0-9]+$", template(), re.M)

@case("crds: a chart without its files says so")
def _():
    copy = TMP / "without-crds"
    shutil.copytree(CHART, copy)
    shutil.rmtree(copy / "crd-files")
    assert "crd-files holds no CustomResourceDefinition" in refused(chart=copy)
    template("crds.enabled=false", chart=copy)

@case("package: the archive renders the same, alone and as a dependency")
def _():
    helm("package", CHART, "-d", TMP)
    archive, = TMP.glob("zoom-operator-*.tgz")
    equal(render(chart=archive), render())
    parent = TMP / "parent"
    (parent / "charts").mkdir(parents=True)
    shutil.copy(archive, parent / "charts")
    version = re.search(r"^version: (.+)$", (CHART / "Chart.yaml").read_text(), re.M)[1]
    (parent / "Chart.yaml").write_text(
        "apiVersion: v2\nname: parent\nversion: 1.0.0\ndependencies:\n"
        f"- {{name: zoom-operator, version: {version}, repository: '', condition: zoom-operator.enabled}}\n")
    equal(idents(render("zoom-operator.enabled=true", "global.some=thing", chart=parent)), DEFAULT)
    equal(idents(render("zoom-operator.enabled=false", chart=parent)), set())

@case("package: regular files only, as Flux takes them from the repository, render the same")
def _():
    # source-controller packs regular files and drops links; what git ignores is not in the repository.
    listed = run("git", "-C", REPO, "ls-files", "--cached", "--others", "--exclude-standard", "-z", "charts", "crds").stdout
    copy = TMP / "as-flux"
    for name in filter(None, listed.split("\0")):
        if (REPO / name).is_file() and not (REPO / name).is_symlink():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPO / name, copy / name)
    equal(render(chart=copy / "charts/zoom-operator"), render())
    assert CRD_NAMES <= idents(render(chart=copy / "charts/zoom-operator"))
    links = [p for p in CHART.rglob("*") if p.is_symlink()]
    equal(links, [], "links in the chart")

KUSTOMIZE = REPO / "examples/gitops/kustomize"

def kustomize_base():
    """The chart's objects without its definitions, and without what only Helm knows."""
    text = helm("template", N, CHART, "-n", N, *sets(["crds.enabled=false", "uninstallCheck.enabled=false",
                                                     "image.repository=registry.example.com/zoom-operator"]))
    text = re.sub(r"^ +helm\.sh/chart: .*\n|^# Source: .*\n", "", text, flags=re.M)
    text = text.replace("app.kubernetes.io/managed-by: Helm", "app.kubernetes.io/managed-by: kustomize")
    return "# Written by `make kustomize` from charts/zoom-operator.\n" + re.sub(r"\n{2,}", "\n", text)

@case("kustomize: the base is what the chart renders, and complete")
def _():
    assert (KUSTOMIZE / "operator.yaml").read_text() == kustomize_base(), "run `make kustomize`"
    listed = set(re.findall(r"^- (.+)$", (KUSTOMIZE / "kustomization.yaml").read_text(), re.M))
    equal(listed, {str(p.relative_to(KUSTOMIZE)) for p in KUSTOMIZE.rglob("*.yaml")} - {"kustomization.yaml"})
    if shutil.which("kubectl"):
        built = run("kubectl", "kustomize", KUSTOMIZE)
        assert built.returncode == 0, built.stderr
        got = {o.replace(f"/{N}/", "/ops/") for o in idents(as_json(built.stdout))}
        equal(got, DEFAULT - {f"{kind}/ops/{N}-uninstall" for kind in ("Job", "NetworkPolicy")} | {f"Namespace/{N}"})

@case("gitops: the chart takes the values of the examples for Argo CD and Flux, and the consent pages are exposed")
def _():
    for file, path in (("argocd/operator.yaml", "source helm valuesObject"), ("flux/operator/helmrelease.yaml", "values")):
        found = as_json((REPO / "examples/gitops" / file).read_text())[0]["spec"]
        for name in path.split():
            found = found[name]
        values = TMP / "values-gitops.json"
        values.write_text(json.dumps(found))
        objects = as_json(helm("template", N, CHART, "-n", N, "-f", values))
        hosts = [rule["host"] for rule in only(objects, "Ingress")["spec"]["rules"]]
        equal([f"https://{host}" for host in hosts], [found["connect"]["url"]], file)

@case("version: the crates, the chart, the examples for Argo CD and Flux and the changelog name one")
def _():
    named = lambda file, pattern: re.search(pattern, (REPO / file).read_text(), re.M)[1]
    version = named("Cargo.toml", r'^version = "(.+)"$')
    for file, pattern in (("charts/zoom-operator/Chart.yaml", r"^version: (.+)$"), ("charts/zoom-operator/Chart.yaml", r"^appVersion: (.+)$"),
                          ("examples/gitops/flux/sources.yaml", r"^    tag: v(.+)$"),
                          ("examples/gitops/argocd/operator.yaml", r"^    targetRevision: v(.+)$"), ("CHANGELOG.md", r"^## \[(\d.+?)\]")):
        equal(named(file, pattern), version, file)

@case("kubeconform: every object fits the API's own schema")
def _():
    # Of the kinds left out Kubernetes itself has no schema. A case of its own looks at the HTTPRoute to the letter.
    schemas = api_schemas()
    full = (*EVERYTHING, *ALLOWED, "connect.ingress.className=nginx", "connect.ingress.tlsSecretName=cert")
    for index, values in enumerate([(), (*EVERYTHING, "replicas=1"), ("watchNamespaces={a,b}",), full, (PAGES, "watchNamespaces={a,b}"),
                               (SELECTOR, "operatorClass=blue", *ALLOWED)]):
        manifests = TMP / f"kubeconform-{index}.json"
        manifests.write_text("\n---\n".join(json.dumps(o) for o in render(*values)))
        done = run("kubeconform", "-strict", "-summary", "-skip", "ServiceMonitor,PodMonitor,PrometheusRule,HTTPRoute",
                   "-schema-location", f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json", manifests)
        assert done.returncode == 0, done.stdout + done.stderr

def api_schemas():
    """kubeconform's own schemas come from the network; the Kubernetes module that the test cluster is built from has them too."""
    # Also if somebody removed it after the cluster was built.
    module = subprocess.run(["go", "-C", REPO / "tests/cluster", "mod", "download", "-json", "k8s.io/kubernetes"],
                            capture_output=True, text=True, check=True).stdout
    swagger = json.loads((pathlib.Path(json.loads(module)["Dir"]) / "api/openapi-spec/swagger.json").read_text())
    definitions = {name: strict(schema) for name, schema in swagger["definitions"].items()}
    directory = TMP / "schemas"
    directory.mkdir()
    for name, schema in swagger["definitions"].items():
        for kind in schema.get("x-kubernetes-group-version-kind", []):
            group = kind["group"].split(".")[0]
            file = "-".join(filter(None, (kind["kind"].lower(), group, kind["version"]))) + ".json"
            needed, todo = {}, [name]
            while todo:
                current = todo.pop()
                if current not in needed:
                    needed[current] = definitions[current]
                    todo += re.findall(r'"#/definitions/([^"]+)"', json.dumps(definitions[current]))
            if len(needed) < 400:
                (directory / file).write_text(json.dumps({"$ref": f"#/definitions/{name}", "definitions": needed}))
    return directory

def strict(schema):
    """The swagger as plain JSON schema: unknown fields refused, int-or-string taken at its word."""
    if isinstance(schema, list):
        return [strict(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "int-or-string":
        return {"type": ["string", "integer"]}
    result = {k: strict(v) for k, v in schema.items() if k not in ("format", "properties") and not k.startswith("x-")}
    if "properties" in schema:
        result["properties"] = {name: strict(property) for name, property in schema["properties"].items()}
        result.setdefault("additionalProperties", False)
    return result
