#!/usr/bin/env python3
"""requests-oauthlib is a customer's General app: the main cases of consent.mjs, seen by another library and with
another reading of pages and cookies. Started by `run`; one line per case."""

import html.parser, os, sys, time, urllib.parse

import requests
from oauthlib.oauth2.rfc6749 import errors
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

ZOOM, ADMIN = os.environ["ZOOM"], os.environ["ZOOM_ADMIN"]
# Unlike openid-client, this library puts all letters into a Basic header as they are.
APP, SECRET = "peers_Consent-2.x", "peers/secret+_-~"
ACCOUNT = "peers-account"
CALLBACK = "https://app.example.com/callback"
AUTHORIZE, TOKEN, REVOKE = (f"{ZOOM}/oauth/{name}" for name in ("authorize", "token", "revoke"))
BASIC = HTTPBasicAuth(APP, SECRET)

# The offline Zoom speaks http.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
failed = False


def case(name):
    """Runs the function below as a case of this name."""
    def run(function):
        global failed
        try:
            function()
            print(f"ok requests-oauthlib/{name}", flush=True)
        except Exception as error:  # every way to fail is a verdict
            failed = True
            why = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"FAIL requests-oauthlib/{name}: {why}", flush=True)
    return run


def equal(left, right):
    assert left == right, f"{left!r} is not {right!r}"


def refused(kind, call, *arguments, **more):
    try:
        call(*arguments, **more)
    except kind as error:
        return error
    raise AssertionError("not refused")


def admin(method, path, body=None):
    reply = requests.request(method, ADMIN + path, json=body, timeout=10)
    reply.raise_for_status()
    return reply.json()


# === the person ===

class Forms(html.parser.HTMLParser):
    """The forms of a page, each with its action, fields and buttons."""

    def __init__(self, page):
        super().__init__()
        self.forms = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "form":
            self.forms.append({"action": given["action"], "fields": {}, "buttons": {}})
        elif tag == "input":
            self.forms[-1]["fields"][given["name"]] = given.get("value", "")
        elif tag == "button":
            self.forms[-1]["buttons"][given["id"]] = {given["name"]: given["value"]} if "name" in given else {}


def press(browser, page, button, **filled):
    form = next(form for form in Forms(page.text).forms if button in form["buttons"])
    assert filled.keys() <= form["fields"].keys(), form
    fields = form["fields"] | filled | form["buttons"][button]
    reply = browser.post(ZOOM + form["action"], data=fields, allow_redirects=False, timeout=10)
    where = reply.headers.get("location", "")
    return browser.get(ZOOM + where, timeout=10) if where.startswith("/") else reply


def decide(url, email, button):
    """Where a person's browser is sent."""
    with requests.Session() as browser:
        page = press(browser, browser.get(url, timeout=10), "sign-in", email=email, password="whatever")
        return press(browser, page, button).headers["location"]


# === the app ===

def session(**more):
    return OAuth2Session(APP, redirect_uri=CALLBACK, pkce="S256", **more)


def fetch(app, callback):
    return app.fetch_token(TOKEN, authorization_response=callback, client_secret=SECRET)


def connect(email):
    app = session()
    url, _ = app.authorization_url(AUTHORIZE)
    callback = decide(url, email, "allow")
    return app, callback, dict(fetch(app, callback))


def me(app, **more):
    return app.get(f"{ZOOM}/v2/users/me", timeout=10, **more).json()


admin("PUT", f"/apps/{APP}", {
    "kind": "General", "client_secret": SECRET, "account_id": ACCOUNT, "scopes": ["user:read:user"],
    "redirect_urls": [CALLBACK],
})
ada, alan, barbara, edsger, grace = (user["email"] for user in admin("GET", f"/accounts/{ACCOUNT}/users")["users"])


@case("consent-refresh-and-revoke")
def _():
    app, _, first = connect(grace)
    equal(me(app)["email"], grace)
    second = dict(app.refresh_token(TOKEN, auth=BASIC))
    assert first["refresh_token"] != second["refresh_token"]
    equal(me(app)["email"], grace)
    refused(errors.InvalidGrantError, app.refresh_token, TOKEN, first["refresh_token"], auth=BASIC)
    app.token = second
    reply = requests.post(REVOKE, data={"token": second["access_token"]}, auth=BASIC, timeout=10)
    equal((reply.status_code, reply.json()), (200, {"status": "success"}))
    equal(me(app)["code"], 124)
    refused(errors.InvalidGrantError, app.refresh_token, TOKEN, second["refresh_token"], auth=BASIC)


@case("refreshes-by-itself")
def _():
    _, _, token = connect(ada)
    kept = []
    app = session(token=token | {"expires_at": time.time() - 1}, auto_refresh_url=TOKEN, token_updater=kept.append)
    equal(me(app, client_id=APP, client_secret=SECRET)["email"], ada)
    equal([token["refresh_token"] != new["refresh_token"] for new in kept], [True])
    equal(me(app)["email"], ada)


@case("is-told-of-the-person's-no")
def _():
    app = session()
    url, _ = app.authorization_url(AUTHORIZE)
    refused(errors.AccessDeniedError, fetch, app, decide(url, alan, "decline"))


@case("a-wrong-verifier-and-a-code-again")
def _():
    # Two sessions of one state; each has a verifier of its own.
    mine, other = session(state="state"), session(state="state")
    url, _ = mine.authorization_url(AUTHORIZE)
    other.authorization_url(AUTHORIZE)
    callback = decide(url, barbara, "allow")
    refused(errors.InvalidGrantError, fetch, other, callback)
    app, callback, _ = connect(barbara)
    refused(errors.InvalidGrantError, fetch, app, callback)


@case("both-sides-counted-the-same")
def _():
    counters = admin("GET", f"/apps/{APP}")["counters"]
    expected = {
        "refresh_requests_by_outcome": {"issued": 2, "invalid_grant": 2},
        "code_requests_by_outcome": {"issued": 3, "invalid_grant": 2},
        "codes_redeemed": 3, "code_replays": 1, "spent_again": 1, "tokens_issued": 5,
    }
    equal({name: counters[name] for name in expected}, expected)


sys.exit(failed)
