"""The chart as helm renders it, and what the cases need to judge it."""

import functools, json, os, pathlib, subprocess, tempfile

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parent.parent
CHART = REPO / "charts/zoom-operator"
CRDS = sorted((REPO / "crds").glob("*.yaml"))
TMP = pathlib.Path(tempfile.mkdtemp(prefix="chart-test-"))
# What the local cluster's `up` built serves when nothing else is installed.
os.environ["PATH"] += f"{os.pathsep}{REPO}/.cluster/bin"

N = "zoom-operator"
C = f"{N}-connect"
PAGES = "connect.url=https://connect.example.com"
INGRESS = "connect.ingress.enabled=true"
GATEWAY = ("connect.gateway.enabled=true", 'connect.gateway.parentRefs:=[{"name":"public","namespace":"gateways","sectionName":"https"}]')
EVERYTHING = ("serviceMonitor.enabled=true", "podMonitor.enabled=true", "prometheusRule.enabled=true", "grafanaDashboard.enabled=true", PAGES, INGRESS, *GATEWAY)
CASES = []

def run(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=900)

def helm(*arguments):
    done = run("helm", *arguments)
    assert done.returncode == 0, f"helm {' '.join(map(str, arguments))}: {done.stderr.strip()}"
    return done.stdout

def sets(values):
    """`a.b=text` is read by --set, `a.b:=json` by --set-json."""
    flags = []
    for value in values:
        flags += ["--set-json", value.replace(":=", "=", 1)] if ":=" in value else ["--set", value]
    return flags

def template(*values, chart=CHART, release=N):
    return helm("template", release, chart, "-n", "ops", *sets(values))

@functools.cache
def as_json(yaml):
    source = TMP / "manifests.yaml"
    source.write_text(yaml)
    lines = helm("template", "x", HERE / "as-json", "--set-file", f"manifests={source}").splitlines()
    objects = [json.loads(line) for line in lines if line.startswith("{")]
    assert not [o for o in objects if "kind" not in o], f"not YAML: {objects}"
    return objects

def render(*values, **options):
    return as_json(template(*values, **options))

def refused(*values, chart=CHART):
    done = run("helm", "template", N, chart, "-n", "ops", *sets(values))
    assert done.returncode != 0, f"accepted: {values}"
    return done.stderr

def ident(o):
    namespace = o["metadata"].get("namespace")
    return f"{o['kind']}/{namespace + '/' if namespace else ''}{o['metadata']['name']}"

def idents(objects):
    result = [ident(o) for o in objects]
    assert len(result) == len(set(result)), "one object twice"
    return set(result)

def only(objects, kind, name=None):
    found = [o for o in objects if o["kind"] == kind and name in (None, o["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} of {kind} {name or ''}"
    return found[0]

def container(*values, deployment=N):
    return only(render(*values), "Deployment", deployment)["spec"]["template"]["spec"]["containers"][0]

def equal(got, want, what="value"):
    if isinstance(want, set):
        assert got == want, f"{what}: unexpected {sorted(got - want)}, missing {sorted(want - got)}"
    assert got == want, f"{what}: {got!r}, wanted {want!r}"

def case(name):
    def register(function):
        CASES.append((name, function))
        return function
    return register

CRD_NAMES = {f"CustomResourceDefinition/{p.stem.split('_', 1)[1]}.{p.stem.split('_', 1)[0]}" for p in CRDS}
DEFAULT = CRD_NAMES | {
    f"ServiceAccount/ops/{N}", f"ClusterRole/{N}", f"ClusterRoleBinding/{N}", f"ClusterRole/{N}-view",
    f"ClusterRole/{N}-edit", f"Role/ops/{N}-leader-election", f"RoleBinding/ops/{N}-leader-election",
    f"Role/ops/{N}-consent", f"RoleBinding/ops/{N}-consent",
    f"Deployment/ops/{N}", f"Service/ops/{N}", f"PodDisruptionBudget/ops/{N}", f"NetworkPolicy/ops/{N}",
    f"Job/ops/{N}-uninstall", f"NetworkPolicy/ops/{N}-uninstall"}
SELECTOR = 'watchNamespaceSelector:={"matchLabels":{"zoom":"yes"},"matchExpressions":[{"key":"stage","operator":"NotIn","values":["test"]}]}'

def selects(o):
    selector = o["spec"].get("podSelector") or o["spec"]["selector"]
    return selector.get("matchLabels", selector)

POLICIES = ("hosts", "sinks", "priorityClasses", "distribution")
ALLOWED = ('receiver.hosts:=[{"namespace":"team-a","pattern":"*.a.example.com"},{"namespace":"*","pattern":"s.example.com"}]',
           *(f"admissionPolicies.{key}.enabled=true" for key in POLICIES))
