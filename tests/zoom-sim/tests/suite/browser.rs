//! A person at a browser without scripts, who presses the buttons that are there, and a General app.

use std::sync::Mutex;

use reqwest::{Client, Url, redirect::Policy};
use serde_json::{Value, json};

use crate::support::{FORM, Reply, SECRET, Zoom, basic, http};

pub const APP: &str = "general";
pub const CALLBACK: &str = "https://app.example.com/callback";
pub const ADA: &str = "owner";
pub const ALAN: &str = "admin";
pub const GRACE: &str = "member";

/// What a browser shows.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub location: Option<String>,
    pub set_cookie: Option<String>,
    pub html: String,
}

/// A browser with a cookie jar, that does not follow redirects by itself.
pub struct Browser {
    client: Client,
    base: String,
    jar: Mutex<Option<String>>,
}

impl Page {
    pub fn has(&self, id: &str) -> bool {
        self.html.contains(&format!("id=\"{id}\""))
    }

    /// Number and text of the error.
    pub fn error(&self) -> String {
        assert_eq!(self.location, None);
        let (_, rest) = self.html.split_once("<p id=\"error\"").expect(&self.html);
        let (attributes, rest) = rest.split_once('>').unwrap();
        let (text, _) = rest.split_once("</p>").unwrap();
        if let Some(code) = attributes.strip_prefix(" data-code=\"") {
            assert!(text.contains(&format!("({})", code.trim_end_matches('"'))));
        }
        text.to_owned()
    }

    /// A parameter of the redirect.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let url = Url::parse(self.location.as_ref().expect(&self.html)).unwrap();
        let mut pairs = url.query_pairs();
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Action and fields of the form around a button.
    fn form(&self, button: &str) -> (String, Vec<(String, String)>) {
        let mark = format!("id=\"{button}\"");
        let form = self
            .html
            .split("<form ")
            .find(|form| form.contains(&mark))
            .expect(&self.html);
        let mut fields = Vec::new();
        for tag in form.split('<') {
            let pressed = tag.starts_with("button ") && tag.contains(&mark);
            if let Some(name) = attribute(tag, "name")
                && (pressed || tag.starts_with("input "))
            {
                fields.push((name, attribute(tag, "value").unwrap_or_default()));
            }
        }
        (attribute(form, "action").unwrap(), fields)
    }
}

impl Browser {
    pub fn new(zoom: &Zoom) -> Self {
        let client = Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .redirect(Policy::none())
            .build()
            .unwrap();
        Self {
            client,
            base: format!("http://{}", zoom.addr),
            jar: Mutex::new(None),
        }
    }

    pub async fn get(&self, path: &str) -> Page {
        let request = self.client.get(format!("{}{path}", self.base));
        self.load(request).await
    }

    /// Presses a button after filling in fields, and follows redirects within Zoom.
    pub async fn press(&self, page: &Page, button: &str, filled: &[(&str, &str)]) -> Page {
        let (action, mut fields) = page.form(button);
        for (name, value) in filled {
            let field = fields.iter_mut().find(|(field, _)| field == name);
            (*value).clone_into(&mut field.expect("no such field").1);
        }
        let request = self
            .client
            .post(format!("{}{action}", self.base))
            .header(FORM.0, FORM.1)
            .body(encode(&fields));
        let page = self.load(request).await;
        match &page.location {
            Some(location) if location.starts_with('/') => self.get(location).await,
            _ => page,
        }
    }

    /// Opens a page, logs in if need be, and presses a button.
    pub async fn answer(&self, path: &str, email: &str, button: &str) -> Page {
        let page = self.log_in(path, email).await;
        self.press(&page, button, &[]).await
    }

    pub async fn log_in(&self, path: &str, email: &str) -> Page {
        let page = self.get(path).await;
        if !page.has("sign-in") {
            return page;
        }
        let fields = [("email", email), ("password", "whatever")];
        self.press(&page, "sign-in", &fields).await
    }

    async fn load(&self, mut request: reqwest::RequestBuilder) -> Page {
        if let Some(cookie) = &*self.jar.lock().unwrap() {
            request = request.header("cookie", cookie);
        }
        let reply = request.send().await.unwrap();
        let header = |name: &str| {
            let value = reply.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        let page = Page {
            status: reply.status().as_u16(),
            location: header("location"),
            set_cookie: header("set-cookie"),
            html: String::new(),
        };
        if let Some(cookie) = &page.set_cookie {
            let pair = cookie.split(';').next().unwrap().to_owned();
            *self.jar.lock().unwrap() = Some(pair);
        }
        Page {
            html: reply.text().await.unwrap(),
            ..page
        }
    }
}

impl Zoom {
    /// A Zoom with the General app; `more` goes over its settings.
    pub async fn with_general(more: Value) -> Self {
        let zoom = Self::start().await;
        zoom.put_general(APP, more).await;
        zoom
    }

    pub async fn put_general(&self, client_id: &str, more: Value) {
        let mut settings = json!({
            "kind": "General",
            "scopes": ["user:read:user", "meeting:read:list_meetings"],
            "redirect_urls": [CALLBACK],
            "display_name": "Notes & <Co>",
        });
        let more = more.as_object().unwrap().clone();
        settings.as_object_mut().unwrap().extend(more);
        self.put_app(client_id, settings).await;
    }

    /// The e-mail address of a person of `acc-1`.
    pub async fn email(&self, who: &str) -> String {
        self.email_in("acc-1", who).await
    }

    pub async fn email_in(&self, account_id: &str, who: &str) -> String {
        let path = format!("/accounts/{account_id}/users");
        let account = self.admin("GET", &path, &Value::Null).await;
        let index = match who {
            ADA => 0,
            ALAN => 1,
            _ => 4,
        };
        account["users"][index]["email"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// A code for a person, got at a browser.
    pub async fn code(&self, who: &str, more: &str) -> String {
        let email = self.email(who).await;
        let path = format!("{}{more}", authorize(APP, CALLBACK));
        let page = Browser::new(self).answer(&path, &email, "allow").await;
        page.parameter("code").expect("no code")
    }

    /// A token request of a General app.
    pub async fn exchange(&self, client_id: &str, body: &str) -> std::io::Result<Reply> {
        let basic = basic(client_id, SECRET);
        let headers = [FORM, ("authorization", basic.as_str())];
        http(self.addr, "POST", "/oauth/token", &headers, body).await
    }

    pub async fn redeem(&self, code: &str, more: &str) -> Reply {
        let body = redemption(code, more);
        self.exchange(APP, &body).await.unwrap()
    }

    /// Who allowed the app on this page, as Zoom tells the app.
    pub async fn who_allowed(&self, page: &Page) -> Value {
        let code = page.parameter("code").unwrap();
        let tokens = self.redeem(&code, "").await.json();
        self.get("/v2/users/me", text(&tokens, "access_token"))
            .await
            .json()
    }

    pub async fn refresh(&self, token: &str) -> Reply {
        self.exchange(APP, &refreshment(token)).await.unwrap()
    }

    /// A grant made without a browser.
    pub async fn grant(&self, who: &str) -> Value {
        let user = json!({"user": self.email(who).await});
        self.admin("POST", &format!("/apps/{APP}/grants"), &user)
            .await
    }

    /// What is told about a grant.
    pub async fn told(&self, grant: &Value) -> Value {
        let path = format!("/apps/{APP}/grants/{}", grant["grant"]);
        self.admin("GET", &path, &Value::Null).await
    }

    pub async fn general_counters(&self) -> Value {
        let path = format!("/apps/{APP}");
        let app = self.admin("GET", &path, &Value::Null).await;
        app["counters"].clone()
    }
}

pub fn authorize(client_id: &str, redirect_uri: &str) -> String {
    let query = [
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", redirect_uri),
    ];
    let query = query.map(|(name, value)| (name.to_owned(), value.to_owned()));
    format!("/oauth/authorize?{}", encode(&query))
}

pub fn redemption(code: &str, more: &str) -> String {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    format!("{}{more}", encode(&fields))
}

pub fn refreshment(token: &str) -> String {
    format!("grant_type=refresh_token&refresh_token={token}")
}

pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key}: {value}"))
}

fn encode(fields: &[(String, String)]) -> String {
    let mut url = Url::parse("http://form.test/").unwrap();
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap().to_owned()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\"")).or_else(|| {
        tag.strip_prefix(&format!("{name}=\""))
            .map(|rest| ("", rest))
    })?;
    let value = rest.split('"').next()?;
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ];
    Some(entities.iter().fold(value.to_owned(), |text, (entity, c)| {
        text.replace(entity, c)
    }))
}
