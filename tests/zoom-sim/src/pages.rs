//! The pages a person sees: plain HTML forms that need no script.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};

/// What a person sees in place of a redirect.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Zoom's number, if it has one.
    code: Option<u16>,
    text: String,
}

/// What the consent page names.
pub struct Consent<'a> {
    pub app: &'a str,
    pub scopes: &'a [String],
    pub email: &'a str,
    /// Path and query of this page.
    pub here: &'a str,
}

const STYLE: &str = "body{font-family:sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem}\
    label,button{display:block;margin:.5rem 0}button{display:inline-block}#error{color:#b00}";

// === impl Problem ===

impl Problem {
    pub fn new(code: u16, text: impl Into<String>) -> Self {
        Self {
            code: Some(code),
            text: text.into(),
        }
    }

    pub fn without_number(text: impl Into<String>) -> Self {
        Self {
            code: None,
            text: text.into(),
        }
    }

    /// The page. With the path of the page it is for, it has a way to log in as somebody else.
    pub fn page(&self, here: Option<&str>) -> Response {
        let sign_out = here.map(sign_out).unwrap_or_default();
        let body = format!("<h1>Zoom</h1>{}{sign_out}", self.line());
        page(StatusCode::BAD_REQUEST, "Error", &body)
    }

    fn line(&self) -> String {
        let text = escape(&self.text);
        match self.code {
            Some(code) => format!(r#"<p id="error" data-code="{code}">{text} ({code})</p>"#),
            None => format!(r#"<p id="error">{text}</p>"#),
        }
    }
}

/// The log-in page; `next` is where it leads.
pub fn sign_in(next: &str, problem: Option<&Problem>) -> Response {
    let error = problem.map(Problem::line).unwrap_or_default();
    let next = escape(next);
    let body = format!(
        r#"<h1>Sign In</h1>{error}
<form method="post" action="/signin">
<input type="hidden" name="next" value="{next}">
<label>Email address <input id="email" name="email" type="text" autocomplete="username" required></label>
<label>Password <input id="password" name="password" type="password" required></label>
<button id="sign-in" type="submit">Sign In</button>
</form>"#
    );
    page(StatusCode::OK, "Sign In", &body)
}

/// The consent page.
pub fn consent(consent: &Consent<'_>) -> Response {
    let app = escape(consent.app);
    let email = escape(consent.email);
    let here = escape(consent.here);
    let scopes: Vec<_> = consent
        .scopes
        .iter()
        .map(|scope| format!("<li>{}</li>", escape(scope)))
        .collect();
    let scopes = scopes.concat();
    let body = format!(
        r#"<h1>You are about to add <span id="app">{app}</span></h1>
<p>Signed in as <span id="user">{email}</span></p>
<p>The app will be able to use:</p>
<ul id="scopes">{scopes}</ul>
<form method="post" action="{here}">
<button id="allow" type="submit" name="decision" value="allow">Allow</button>
<button id="decline" type="submit" name="decision" value="decline">Decline</button>
</form>
{}"#,
        sign_out(consent.here)
    );
    page(StatusCode::OK, "Authorize", &body)
}

fn sign_out(next: &str) -> String {
    let next = escape(next);
    format!(
        r#"<form method="post" action="/signout">
<input type="hidden" name="next" value="{next}">
<button id="sign-out" type="submit">Sign in as somebody else</button>
</form>"#
    )
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} - Zoom</title>\
         <style>{STYLE}</style></head>\n<body>{body}</body></html>\n"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, html).into_response()
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
