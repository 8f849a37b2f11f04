"""A browser without scripts: keeps cookies, follows redirects, fills in the forms that it finds."""

import http.client, time, urllib.parse
from html.parser import HTMLParser

LIMIT = 90


class Lost(Exception):
    """A page that leads nowhere; its words."""


class Page(HTMLParser):
    """Forms, heading, error and refresh of a page."""

    def __init__(self, text):
        super().__init__()
        self.forms, self.title, self.error, self.refresh, self.inside = [], "", "", None, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "form":
            self.forms.append({"action": found.get("action", ""), "fields": {}})
        elif tag in ("input", "button") and self.forms and found.get("name"):
            self.forms[-1]["fields"].setdefault(found["name"], found.get("value", ""))
        elif tag == "meta" and found.get("http-equiv") == "refresh":
            self.refresh = int(found["content"].split(";")[0])
        elif tag == "h1":
            self.inside = "h1"
        elif found.get("id") == "error":
            self.inside = "error"

    def handle_endtag(self, tag):
        if tag in ("h1", "p"):
            self.inside = None

    def handle_data(self, data):
        if self.inside == "h1":
            self.title += data
        elif self.inside == "error":
            self.error += data

    def form_with(self, *fields):
        return next((form for form in self.forms if set(fields) & set(form["fields"])), None)


class Browser:
    """`sites` says what is behind a host: an address, by plain http, or a function of the URL that gives a redirect or
    a text to show."""

    def __init__(self, sites, say=lambda line: None):
        self.sites, self.say, self.cookies, self.url = sites, say, {}, None

    def follow(self, link, email):
        """Opens a link and does what the pages ask for, as this person; the heading of the last page."""
        page = self.open(link)
        self.tell(page)
        for turn in range(4):
            form = page.form_with("email", "decision")
            if form is None and turn == 0 and page.forms:
                form = page.forms[-1]
            if form is None:
                break
            known = {"email": email, "password": "any", "decision": "allow"}
            answers = {name: known.get(name, value) for name, value in form["fields"].items()}
            page = self.open(form["action"] or self.url, answers)
            self.tell(page)
        end = time.monotonic() + LIMIT
        waited = page.refresh is not None
        while page.refresh is not None:
            if time.monotonic() > end:
                raise Lost(f"still: {page.title.strip()}")
            # As the page itself asks.
            time.sleep(page.refresh)
            page = self.open(self.url)
        if waited:
            self.tell(page)
        return page.title.strip()

    def open(self, url, form=None):
        for _ in range(10):
            self.url = urllib.parse.urljoin(self.url or url, url)
            parts = urllib.parse.urlsplit(self.url)
            site = self.sites.get(parts.hostname, parts.netloc)
            if callable(site):
                redirect, text = site(self.url)
            else:
                redirect, text = self.request(site, parts, form)
            if redirect is None:
                return Page(text)
            url, form = redirect, None
        raise Lost("too many redirects")

    def request(self, address, parts, form):
        connection = http.client.HTTPConnection(address, timeout=30)
        jar = self.cookies.setdefault(parts.netloc, {})
        headers = {"host": parts.netloc, "accept-language": "en"}
        if jar:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        body = None
        if form is not None:
            body = urllib.parse.urlencode(form)
            headers |= {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request("GET" if form is None else "POST", path or "/", body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                cookie, _, _ = value.partition(";")
                key, _, content = cookie.partition("=")
                jar[key.strip()] = content
        if answer.status in (302, 303):
            return answer.getheader("location"), None
        if answer.status != 200:
            page = Page(text)
            words = (page.error or page.title).strip()
            raise Lost(f"{parts.netloc} answers {answer.status}: {words}")
        return None, text

    def tell(self, page):
        self.say(f"{urllib.parse.urlsplit(self.url).netloc:<28}{page.title.strip()}")
