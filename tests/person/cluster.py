"""The cluster as somebody with kubectl sees it, and the ways to its Services."""

import base64, http.client, json, re, shutil, socket, subprocess, time

OURS = "/apis/zoom-operator.io/v1alpha1"
CORE = "/api/v1"


class Cluster:
    """Its API, through `kubectl proxy`, until closed."""

    def __init__(self, namespace):
        self.namespace, self.children = namespace, []
        self.address = self.listening(r"serve on (\S+)", "proxy", "--port=0")

    def listening(self, pattern, *command):
        """Starts kubectl and reads from its first line where it listens."""
        # It ends with us, however we end.
        parent = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []
        child = subprocess.Popen([*parent, "kubectl", *command], stdout=subprocess.PIPE, text=True)
        self.children.append(child)
        for line in child.stdout:
            if found := re.search(pattern, line):
                return found[1]
        raise SystemExit(f"kubectl {' '.join(command)} has ended")

    def close(self):
        for child in self.children:
            child.terminate()
            child.wait()

    def request(self, method, path, body=None, kind="application/json"):
        """Status and answer, which is text when it is no JSON."""
        connection = http.client.HTTPConnection(self.address, timeout=60)
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"content-type": kind})
        answer = connection.getresponse()
        text = answer.read().decode()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text

    def must(self, method, path, body=None, kind="application/json"):
        status, answer = self.request(method, path, body, kind)
        if not 200 <= status < 300:
            raise SystemExit(f"{method} {path}: {status} {answer}")
        return answer

    def integration(self, name):
        return self.must("GET", f"{OURS}/namespaces/{self.namespace}/zoomintegrations/{name}")

    def secret(self, name):
        """Its keys as text; none without such a Secret."""
        status, secret = self.request("GET", f"{CORE}/namespaces/{self.namespace}/secrets/{name}")
        if status == 404:
            return {}
        return {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}

    def put_secret(self, name, keys):
        """Adds keys to a Secret, or makes it."""
        path = f"{CORE}/namespaces/{self.namespace}/secrets"
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": keys}
        status, answer = self.request("POST", path, secret)
        if status == 409:
            self.must("PATCH", f"{path}/{name}", {"stringData": keys}, "application/merge-patch+json")
        elif status != 201:
            raise SystemExit(f"Secret {name}: {status} {answer}")

    def service(self, namespace, name, port, path, method="GET", body=None):
        """A request to a Service, through the API server."""
        where = f"{CORE}/namespaces/{namespace}/services/http:{name}:{port}/proxy{path}"
        return self.request(method, where, body)

    def reach(self, namespace, name):
        """Where port 80 of a Service is reached from this machine."""
        service = self.must("GET", f"{CORE}/namespaces/{namespace}/services/{name}")
        address = (service["spec"]["clusterIP"], 80)
        try:
            socket.create_connection(address, timeout=2).close()
            return "%s:%d" % address
        except OSError:
            return self.listening(r"from (127\S+) ->", "port-forward", "-n", namespace, f"service/{name}", ":80")


def wait(what, seconds, look):
    """What `look` gives, once it gives something; None when the time is up."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > end:
            return None
        time.sleep(0.5)
