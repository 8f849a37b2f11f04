//! HTML. The templates escape everything that is inserted. A page loads only our own style sheet and runs no
//! scripts.

pub mod result;
pub mod start;

use contract::Language;
use maud::{DOCTYPE, Markup, html};

use super::{
    base::Base,
    texts::{Message, Texts, texts},
};

/// The style sheet.
pub const STYLE: &str = include_str!("style.css");
/// The icon: two links of a chain.
pub const ICON: &str = include_str!("icon.svg");

/// The frame around the content of every page.
pub struct Frame<'a> {
    /// Public address of the pages.
    pub base: &'a Base,
    /// The language of the page.
    pub language: Language,
    /// The query parameters that the same page needs in another language, besides the language, ending with
    /// `&`; `None` if the page cannot be requested again.
    pub same: Option<String>,
    /// After how many seconds the page reloads.
    pub refresh: Option<u32>,
}

/// What a person can do next on a message page.
pub enum Next {
    /// Nothing here.
    Nothing,
    /// Start again: the path of a start page.
    Again(String),
    /// Load the page again.
    Reload,
}

// === impl Frame ===

impl<'a> Frame<'a> {
    /// A page that can be requested again by its path.
    #[must_use]
    pub fn new(base: &'a Base, language: Language) -> Self {
        Self {
            base,
            language,
            same: Some(String::new()),
            refresh: None,
        }
    }

    /// The texts.
    #[must_use]
    pub fn texts(&self) -> &'static Texts {
        texts(self.language)
    }

    /// A path of ours in the person's language.
    #[must_use]
    pub fn within(&self, path: &str) -> String {
        format!("{path}?lang={}", self.language.code())
    }

    /// A page with a heading and a few paragraphs.
    #[must_use]
    pub fn message(&self, message: &Message, next: &Next) -> String {
        self.page(message.title, &paragraphs(message), next)
    }

    /// A page with a heading and other content.
    #[must_use]
    pub fn page(&self, title: &str, contents: &Markup, next: &Next) -> String {
        let texts = self.texts();
        self.document(
            title,
            &html! {
                (contents)
                @match next {
                    Next::Nothing => {}
                    Next::Again(path) => {
                        p.actions { a.button href=(self.within(path)) { (texts.again) } }
                    }
                    Next::Reload => { p.actions { a.button href="" { (texts.reload) } } }
                }
            },
        )
    }

    fn document(&self, title: &str, contents: &Markup) -> String {
        let texts = self.texts();
        let page = html! {
            (DOCTYPE)
            html lang=(self.language.code()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="robots" content="noindex";
                    meta name="color-scheme" content="light dark";
                    @if let Some(seconds) = self.refresh {
                        meta http-equiv="refresh" content=(seconds);
                    }
                    title { (title) }
                    link rel="stylesheet" href=(self.base.path("/style.css"));
                }
                body {
                    header {
                        span.site { (texts.site) }
                        (self.languages())
                    }
                    main aria-labelledby="title" {
                        h1 #title { (title) }
                        (contents)
                    }
                }
            }
        };
        page.into_string()
    }

    fn languages(&self) -> Markup {
        let Some(same) = &self.same else {
            return html! {};
        };
        html! {
            nav aria-label=(self.texts().languages) {
                @for language in Language::ALL {
                    @let name = texts(language).name;
                    @if language == self.language {
                        span aria-current="true" { (name) }
                    } @else {
                        a href={ "?" (same) "lang=" (language.code()) } lang=(language.code())
                            hreflang=(language.code()) { (name) }
                    }
                }
            }
        }
    }
}

/// The paragraphs of a message.
#[must_use]
pub fn paragraphs(message: &Message) -> Markup {
    html! { @for line in message.lines { p { (line) } } }
}

/// A mail address that may be shown to anybody with the link: its first letter and its host. No line breaks
/// at asterisks.
#[must_use]
pub fn masked(mail: &str) -> String {
    let (person, host) = mail.rsplit_once('@').unwrap_or((mail, ""));
    let first: String = person.chars().take(1).collect();
    format!("{first}***@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_address_is_masked() {
        assert_eq!(masked("ada@example.com"), "a***@example.com");
        assert_eq!(masked("a@b@example.com"), "a***@example.com");
        assert_eq!(masked("secret"), "s***@");
        assert_eq!(masked(""), "***@");
    }
}
