//! One field of the form: what it takes, and what it shows.

use super::{
    catalog,
    form::{Form, Subscription, Tab, Ticked},
    pages::{BUILD_APP, BUILD_LEGACY_APP, Page, TABS},
};
use crate::settings::{Kind, Management};

/// Zoom's limits on texts, in characters, and on subscriptions.
const MAX_NAME: usize = 49;
const MAX_CONTACT: usize = 150;
const MAX_COMMAND: usize = 32;
const MAX_SUBSCRIPTIONS: usize = 20;

const GENERAL_APP: &str = "General App";
const ACCOUNT_APP: &str = "Server-to-Server OAuth App";
const WEBHOOK_APP: &str = "Webhook Only";

/// Begins the form of a new app.
pub fn begin(field: &str, kind: &str, classic: bool) -> Result<Form, String> {
    let kind = match (field, kind) {
        (BUILD_APP, GENERAL_APP) => Kind::General,
        (BUILD_APP, ACCOUNT_APP) => Kind::ServerToServer,
        (BUILD_LEGACY_APP, WEBHOOK_APP) => Kind::WebhookOnly,
        (_, other) => return Err(no_choice(field, other)),
    };
    Ok(Form {
        kind,
        classic,
        ..Form::new("My App")
    })
}

/// Puts a value into a field that the page has; `new` while the app is being made.
pub fn fill(
    form: &mut Form,
    page: Page,
    field: &str,
    value: &str,
    new: bool,
) -> Result<(), String> {
    match (page, field) {
        (Page::BuildApp, BUILD_APP) | (Page::BuildLegacyApp, BUILD_LEGACY_APP) => {
            let other = begin(field, value, form.classic)?.kind != form.kind;
            if other {
                return Err("the app is of another kind, and stays so".to_owned());
            }
        }
        (_, "App name") => form.name = short(field, value, MAX_NAME)?,
        (_, "Management") => manage(form, value, new)?,
        (_, TABS) => {
            form.tab = match value {
                "Development" => Tab::Development,
                "Production" => Tab::Production,
                other => return Err(no_choice(field, other)),
            };
        }
        (Page::OAuth, "OAuth Redirect URL") => form.redirect_url = Some(value.to_owned()),
        (Page::OAuth, "Use Strict Mode for Redirect URLs") => form.strict_mode = on(field, value)?,
        (Page::OAuth, _) => put(&mut form.allow_list, value),
        (Page::Events, "Method") => match value {
            "Webhook" => form.method = Some(value.to_owned()),
            other => return Err(no_choice(field, other)),
        },
        (Page::Events, "Subscription name") => subscribe(form, value)?,
        (Page::Events, "Add Events") => add_event(form, value)?,
        (Page::Events, _) => {
            if form.subscriptions.is_empty() {
                return Err(format!(
                    "there is no field {field} without an event subscription"
                ));
            }
            for subscription in &mut form.subscriptions {
                subscription.endpoint = Some(value.to_owned());
            }
        }
        (Page::Scopes, "Scope Description") => {
            form.texts.insert(field.to_owned(), value.to_owned());
        }
        (Page::Scopes, _) => {
            catalog::scope(value, form)?;
            form.scopes.retain(|ticked| ticked.scope != value);
            form.scopes.push(Ticked {
                scope: value.to_owned(),
                optional: field.ends_with("(optional)"),
            });
        }
        (Page::TeamChat, "Slash Command") => {
            let command = short(field, value, MAX_COMMAND)?;
            if !command.starts_with('/') {
                return Err(format!("{field} begins with a slash"));
            }
            form.texts.insert(field.to_owned(), command);
        }
        (Page::TeamChat, _) => form.bot_endpoint = Some(value.to_owned()),
        (Page::Deauthorization, _) => form.deauthorization_url = Some(value.to_owned()),
        (Page::Information, "Category" | "Industry vertical") => {
            put(form.choices.entry(field.to_owned()).or_default(), value);
        }
        (Page::Information, "Listed / Unlisted") => match value {
            "Listed" | "Unlisted" => {
                form.texts.insert(field.to_owned(), value.to_owned());
            }
            other => return Err(no_choice(field, other)),
        },
        (Page::Information, "Company name" | "Contact name" | "Contact email") => {
            let value = short(field, value, MAX_CONTACT)?;
            form.texts.insert(field.to_owned(), value);
        }
        (Page::Information, _) => {
            form.texts.insert(field.to_owned(), value.to_owned());
        }
        _ => return Err(format!("there is no field {field}")),
    }
    Ok(())
}

/// What a field of the page shows.
pub fn read(form: &Form, account_id: &str, field: &str) -> Result<String, String> {
    Ok(match field {
        "Client ID" => form.pair().client_id.clone(),
        "Client Secret" => form.pair().client_secret.clone(),
        "Account ID" => account_id.to_owned(),
        "Secret Token" => form.secret_token.clone(),
        "Verification code" => form.verification_code.clone(),
        "Verification Token" => form.verification_token.clone(),
        _ => return Err(format!("there is no field {field}")),
    })
}

fn manage(form: &mut Form, value: &str, new: bool) -> Result<(), String> {
    let management = match value {
        "User-managed" => Management::User,
        "Admin-managed" => Management::Admin,
        other => return Err(no_choice("Management", other)),
    };
    if !new && management != form.management {
        return Err("the app is managed otherwise, and its scopes with it".to_owned());
    }
    form.management = management;
    Ok(())
}

/// A subscription by this name: the one that is there, else another one.
fn subscribe(form: &mut Form, name: &str) -> Result<(), String> {
    if form.method.is_none() {
        return Err("there is no field Subscription name before a method is chosen".to_owned());
    }
    let known = form
        .subscriptions
        .iter()
        .position(|known| known.name == name);
    let subscription = match known {
        Some(at) => form.subscriptions.remove(at),
        None if form.subscriptions.len() >= MAX_SUBSCRIPTIONS => {
            return Err(format!(
                "an app has at most {MAX_SUBSCRIPTIONS} subscriptions"
            ));
        }
        None => Subscription {
            name: name.to_owned(),
            events: Vec::new(),
            endpoint: None,
        },
    };
    form.subscriptions.push(subscription);
    Ok(())
}

/// Into the subscription that was named last.
fn add_event(form: &mut Form, event: &str) -> Result<(), String> {
    if !catalog::is_event(event) {
        return Err(format!("there is no event {event}"));
    }
    let open = form.subscriptions.last_mut();
    let open = open.ok_or("there is no field Add Events without an event subscription")?;
    put(&mut open.events, event);
    Ok(())
}

fn put(list: &mut Vec<String>, value: &str) {
    if !list.iter().any(|known| known == value) {
        list.push(value.to_owned());
    }
}

fn on(field: &str, value: &str) -> Result<bool, String> {
    if value == "on" {
        Ok(true)
    } else {
        Err(format!("the box {field} can be ticked only"))
    }
}

fn short(field: &str, value: &str, limit: usize) -> Result<String, String> {
    if value.chars().count() > limit {
        return Err(format!("{field} has more than {limit} characters"));
    }
    Ok(value.to_owned())
}

fn no_choice(field: &str, value: &str) -> String {
    format!("field {field} has no choice {value}")
}
