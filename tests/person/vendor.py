"""The back end of a vendor that keeps the callback: it starts an authorization, exchanges the code, has the tokens."""

import base64, http.client, json, urllib.parse

from browser import Lost


class Vendor:
    """`zoom` is Zoom's address, `zoom_url` what the vendor calls it; `oauth` what the vendor gave its customer."""

    def __init__(self, zoom, zoom_url, oauth, state):
        self.zoom, self.zoom_url, self.state = zoom, zoom_url, state
        self.redirect_url = oauth["redirectUrl"]
        self.start_url = (oauth.get("consent") or {}).get("startUrl")
        self.pair, self.scope = None, None

    def hosts(self):
        urls = [self.redirect_url, self.start_url]
        return {urllib.parse.urlsplit(url).hostname for url in urls if url}

    def enter(self, client_id, client_secret):
        self.pair = (client_id, client_secret)

    def visit(self, url):
        """Somebody's browser comes by."""
        if url == self.start_url:
            return self.authorize_url(), None
        parts = urllib.parse.urlsplit(url)
        query = dict(urllib.parse.parse_qsl(parts.query))
        if f"{parts.scheme}://{parts.netloc}{parts.path}" != self.redirect_url:
            raise Lost(f"the vendor has no page {url}")
        if "code" not in query:
            raise Lost(f"the vendor gets no code: {query}")
        if self.start_url and query.get("state") != self.state:
            raise Lost("the vendor gets a state that is not its own")
        self.scope = self.exchange(query["code"])
        return None, "<h1>The vendor is connected</h1>"

    def authorize_url(self):
        if self.pair is None:
            raise Lost("the vendor knows no client id yet")
        query = {"response_type": "code", "client_id": self.pair[0], "redirect_uri": self.redirect_url, "state": self.state}
        return f"{self.zoom_url}/oauth/authorize?{urllib.parse.urlencode(query)}"

    def exchange(self, code):
        if self.pair is None:
            raise Lost("the vendor knows no client id and secret yet")
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_url}
        basic = base64.b64encode(":".join(self.pair).encode()).decode()
        headers = {"content-type": "application/x-www-form-urlencoded", "authorization": f"Basic {basic}"}
        connection = http.client.HTTPConnection(self.zoom, timeout=30)
        connection.request("POST", "/oauth/token", urllib.parse.urlencode(form), headers)
        answer = json.loads(connection.getresponse().read())
        if "scope" not in answer:
            raise Lost(f"Zoom gives the vendor no token: {answer.get('error')} {answer.get('reason') or answer.get('message')}")
        return answer["scope"]
