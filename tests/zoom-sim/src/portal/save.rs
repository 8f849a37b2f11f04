//! What the portal looks at when a page is saved.

use reqwest::Url;

use super::{
    form::{Form, Stage, Tab},
    pages::Page,
};
use crate::{settings::Management, webhooks};

/// What an app that is to be published has to have.
const FOR_REVIEW: [&str; 3] = ["Privacy policy URL", "Terms of use URL", "Support URL"];

/// What a Server-to-Server app has to have before it is activated.
const FOR_ACTIVATION: [&str; 3] = ["Company name", "Contact name", "Contact email"];

/// Saves a page, or says what is wrong with it. An endpoint is validated apart.
pub fn save(form: &mut Form, page: Page) -> Result<(), String> {
    match page {
        Page::OAuth => redirects(form),
        Page::Events => form
            .subscriptions
            .iter()
            .filter(|subscription| subscription.endpoint.is_some())
            .find(|subscription| subscription.events.is_empty())
            .map_or(Ok(()), |empty| {
                Err(format!("subscription {} has no events", empty.name))
            }),
        Page::Scopes if form.scopes.iter().all(|ticked| ticked.optional) => {
            Err("Select at least one scope".to_owned())
        }
        Page::Information => {
            let is_url = |field: &&String| field.ends_with("URL");
            let urls = form.texts.iter().filter(|(field, _)| is_url(field));
            for (field, url) in urls {
                https(field, url)?;
            }
            Ok(())
        }
        Page::TeamChat if form.management != Management::Admin => {
            Err("Team Chat Subscription is for admin-managed apps".to_owned())
        }
        Page::TeamChat => endpoint(form.bot_endpoint.as_deref().unwrap_or_default()),
        Page::Deauthorization => endpoint(form.deauthorization_url.as_deref().unwrap_or_default()),
        Page::Submit => {
            has_all(form, &FOR_REVIEW)?;
            if form.scopes.is_empty() {
                return Err("Select at least one scope".to_owned());
            }
            form.stage = Stage::Submitted;
            Ok(())
        }
        Page::Activation => {
            has_all(form, &FOR_ACTIVATION)?;
            if form.scopes.is_empty() {
                return Err("Select at least one scope".to_owned());
            }
            form.stage = Stage::Activated;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Whether an address can be an endpoint's at all.
pub fn endpoint(url: &str) -> Result<(), String> {
    webhooks::endpoint(url, false).map(drop)
}

fn redirects(form: &Form) -> Result<(), String> {
    let url = form.redirect_url.as_deref().unwrap_or_default();
    redirect(form, "OAuth Redirect URL", url)?;
    for entry in &form.allow_list {
        redirect(form, "OAuth Allow Lists", entry)?;
    }
    let is_beneath = |base: &str| {
        !form.strict_mode
            && is_base(base)
            && url
                .strip_prefix(base)
                .is_some_and(|rest| rest.starts_with(['/', '?']))
    };
    let covered = form
        .allow_list
        .iter()
        .any(|entry| entry == url || is_beneath(entry.trim_end_matches('/')));
    if covered {
        return Ok(());
    }
    let how = if form.strict_mode {
        " to the letter"
    } else {
        ""
    };
    Err(format!(
        "no entry of the OAuth Allow Lists covers {url}{how}"
    ))
}

/// The developer's own machine will do in development.
fn redirect(form: &Form, field: &str, url: &str) -> Result<(), String> {
    let local = Url::parse(url)
        .is_ok_and(|url| url.scheme() == "http" && url.host_str() == Some("localhost"));
    if local && form.tab == Tab::Development {
        return Ok(());
    }
    https(field, url)
}

/// Without path and query: it stands for all beneath it.
fn is_base(entry: &str) -> bool {
    entry
        .split_once("://")
        .is_some_and(|(_, host)| !host.contains(['/', '?', '#']))
}

fn https(field: &str, url: &str) -> Result<(), String> {
    let fits = Url::parse(url)
        .is_ok_and(|url| url.scheme() == "https" && url.has_host() && url.fragment().is_none());
    if fits {
        Ok(())
    } else {
        Err(format!("field {field} takes https URLs only, not {url:?}"))
    }
}

fn has_all(form: &Form, fields: &[&str]) -> Result<(), String> {
    let missing = fields
        .iter()
        .find(|field| !form.texts.contains_key(**field));
    missing.map_or(Ok(()), |field| Err(format!("field {field} is empty")))
}
