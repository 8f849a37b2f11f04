#!/usr/bin/env python3
"""pyzoom and zoomus judge an access token and the offline Zoom that gave it. Started by `run`.

With --mint zoomus gets the token itself, by the Server-to-Server grant; otherwise standard input is the Secret as
`kubectl get -o json` prints it, and its token and api-url are used as they are. One line per case."""

import argparse, base64, json, logging, os, socket, sys, urllib.parse

import requests
from pyzoom import ZoomClient, err, schemas
from zoomus import ZoomClient as Zoomus

KEYS = {"access-token", "token-type", "expires-at", "scope", "api-url"}
SCOPES = ["user:read:list_users:admin", "meeting:read:list_meetings:admin"]
# The offline Zoom's people are the same in every account.
PEOPLE = ["Ada Lovelace", "Alan Turing", "Barbara Liskov", "Edsger Dijkstra", "Grace Hopper"]

failed = False


def case(name):
    """Runs the function below as a case of this name."""
    def run(function):
        global failed
        try:
            function()
            print(f"ok {options.prefix}/{name}", flush=True)
        except Exception as error:  # every way to fail is a verdict
            failed = True
            why = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"FAIL {options.prefix}/{name}: {why}", flush=True)
    return run


def equal(left, right):
    assert left == right, f"{left!r} is not {right!r}"


def refused(call, kind, code, text):
    """The library must find this HTTP error with Zoom's code and text in the body."""
    try:
        call()
    except kind as error:
        body = error.args[0]
        equal(body.get("code"), code)
        assert text in body["message"], body
    else:
        raise AssertionError("not refused")


def dial(url, address):
    """Connections to the host of `url` go to `address`; the URL stays as it is. Like curl's --connect-to."""
    host = urllib.parse.urlsplit(url).hostname
    lookup = socket.getaddrinfo
    place = address.rsplit(":", 1)
    socket.getaddrinfo = lambda name, port, *rest, **more: lookup(
        *(place if name == host else (name, port)), *rest, **more)


# === where the token comes from ===

def read_secret():
    secret = json.load(sys.stdin)
    data = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}

    @case("the-secret-has-all-keys")
    def _():
        equal(set(data), KEYS)
        equal(data["token-type"].lower(), "bearer")
        missing = set(SCOPES) - set(data["scope"].split(" "))
        assert not missing, f"not granted: {missing}"

    dial(data["api-url"], options.dial)
    return data["access-token"], data["api-url"]


def mint():
    app = {"kind": "ServerToServer", "client_secret": "peers-secret", "account_id": "peers-account", "scopes": SCOPES}
    requests.put(f"{options.admin}/apps/{options.app}", json=app, timeout=10).raise_for_status()

    def zoomus(secret):
        return Zoomus(options.app, secret, app["account_id"], base_uri=f"{options.zoom}/v2",
                      oauth_uri=f"{options.zoom}/oauth/token")

    @case("zoomus-gets-a-token-and-lists-users")
    def _():
        reply = zoomus(app["client_secret"]).user.list()
        equal(reply.status_code, 200)
        equal(reply.json()["total_records"], len(PEOPLE))

    @case("zoomus-lists-meetings")
    def _():
        client = zoomus(app["client_secret"])
        host = client.user.list().json()["users"][0]["id"]
        reply = client.meeting.list(user_id=host)
        equal(reply.status_code, 200)
        equal({meeting["host_id"] for meeting in reply.json()["meetings"]}, {host})

    @case("zoomus-with-a-wrong-secret-gets-no-token")
    def _():
        client = zoomus("wrong")
        equal(client.config["token"], None)
        reply = client.user.list()
        equal((reply.status_code, reply.json()["code"]), (401, 124))

    return zoomus(app["client_secret"]).config["token"], options.zoom


# === what the token is good for ===

def judge(token, api_url):
    client = ZoomClient(access_token=token, base_url=f"{api_url}/v2")

    def users():
        # Two at a time, so that the library has to follow the page tokens.
        return client.raw.get_all_pages("/users", {"page_size": 2})

    @case("pyzoom-lists-users")
    def _():
        answer = users()
        equal([f"{user['first_name']} {user['last_name']}" for user in answer["users"]], PEOPLE)
        equal(answer["total_records"], len(PEOPLE))
        equal(len({user["id"] for user in answer["users"]}), len(PEOPLE))

    @case("pyzoom-lists-meetings")
    def _():
        host = users()["users"][1]["id"]
        answer = schemas.ZoomMeetingShortList(**client.raw.get(f"/users/{host}/meetings").json())
        equal({meeting.host_id for meeting in answer.meetings}, {host})
        equal(answer.total_records, len(answer.meetings))

    @case("pyzoom-is-told-the-missing-scope")
    def _():
        host = users()["users"][0]["id"]
        refused(lambda: client.raw.get(f"/users/{host}"), err.BadRequest, 4711, "does not contain scopes:[")

    @case("pyzoom-is-refused-with-a-garbage-token")
    def _():
        stranger = ZoomClient(access_token="garbage", base_url=client.base_url)
        refused(lambda: stranger.users.get_users("active"), err.NotAuthorized, 124, "Invalid access token.")

    @case("pyzoom-is-refused-with-an-altered-token")
    def _():
        altered = token[:-1] + ("A" if token[-1] != "A" else "B")
        stranger = ZoomClient(access_token=altered, base_url=client.base_url)
        refused(lambda: stranger.users.get_users("active"), err.NotAuthorized, 124, "Invalid access token.")

    name = "pyzoom-is-refused-with-an-expired-token"
    if not options.admin:
        print(f"skip {options.prefix}/{name}: nobody's tokens are ended but our own app's", flush=True)
        return

    @case(name)
    def _():
        users()
        requests.post(f"{options.admin}/apps/{options.app}/expire-tokens", timeout=10).raise_for_status()
        refused(users, err.NotAuthorized, 124, "Access token is expired.")


logging.disable()
os.environ["NO_PROXY"] = "*"
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--prefix", required=True, help="of the names of the cases")
parser.add_argument("--mint", action="store_true", help="let zoomus get the token")
parser.add_argument("--zoom", help="with --mint: address of the offline Zoom")
parser.add_argument("--dial", help="with a Secret: HOST:PORT by which the host of its api-url is reached")
parser.add_argument("--admin", help="address of the offline Zoom's admin API")
parser.add_argument("--app", default="peers", help="client id of the app")
options = parser.parse_args()
judge(*(mint() if options.mint else read_secret()))
sys.exit(failed)
