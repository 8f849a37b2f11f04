//! The exact values to enter in a step.

use super::{
    facts::Facts,
    order,
    step::{Act, Entry, StepId},
};
use crate::api::v1alpha1::{
    AppKind, Distribution, Environment, Listing, Management, OAuth, Webhook, ZoomIntegrationSpec,
};
use contract::domain_validation::PATH;
use zoom::scopes::{events, remedy};

/// The entries of a step, in the order of Zoom's form.
#[must_use]
pub fn entries(id: StepId, spec: &ZoomIntegrationSpec, facts: &Facts) -> Vec<Entry> {
    match id {
        StepId::CreateApp => app(spec),
        StepId::Credentials => credentials(spec),
        StepId::Redirect => redirect(spec, facts),
        StepId::Chatbot => chatbot(spec, facts),
        StepId::SecretToken => {
            vec![copy(
                spec,
                "Secret Token",
                spec.credentials.webhook_secret_token(),
            )]
        }
        StepId::Events => subscriptions(spec),
        // A URL that leads to somebody else must not be pasted.
        StepId::Endpoint | StepId::Deauthorization if facts.endpoint.withheld => Vec::new(),
        StepId::Endpoint => url(spec, "Event notification endpoint URL"),
        StepId::Scopes => scopes(spec, facts),
        StepId::Information => information(spec),
        StepId::Deauthorization => url(spec, "Deauthorization Notification Endpoint URL"),
        StepId::Install => links(facts),
        StepId::DomainValidation => domain_validation(spec, facts),
        StepId::TechnicalDesign
        | StepId::BackEnd
        | StepId::Activate
        | StepId::Approval
        | StepId::Submit => Vec::new(),
    }
}

/// The redirect URL: the operator's callback, or the declared one.
#[must_use]
pub fn redirect_url<'a>(spec: &'a ZoomIntegrationSpec, facts: &'a Facts) -> Option<&'a str> {
    let declared = spec
        .oauth
        .as_ref()
        .and_then(|oauth| oauth.redirect_url.as_deref());
    facts.consent.callback.as_deref().or(declared)
}

fn app(spec: &ZoomIntegrationSpec) -> Vec<Entry> {
    let app = &spec.app;
    let mut entries = vec![entry(
        Act::Choose,
        match app.kind {
            AppKind::WebhookOnly => "Build Legacy App",
            _ => "Build App",
        },
        match app.kind {
            AppKind::General => "General App",
            AppKind::ServerToServer => "Server-to-Server OAuth App",
            AppKind::WebhookOnly => "Webhook Only",
        },
    )];
    if let Some(name) = &app.display_name {
        entries.push(entry(Act::Paste, "App name", name));
    }
    if app.kind == AppKind::General {
        entries.push(entry(
            Act::Choose,
            "Management",
            match app.management {
                Some(Management::Admin) => "Admin-managed",
                _ => "User-managed",
            },
        ));
        entries.push(entry(
            Act::Choose,
            "Development / Production",
            match app.environment.unwrap_or_default() {
                Environment::Production => "Production",
                Environment::Development => "Development",
            },
        ));
    }
    entries
}

fn credentials(spec: &ZoomIntegrationSpec) -> Vec<Entry> {
    let keys = &spec.credentials;
    let mut entries = Vec::new();
    if spec.is_server_to_server() {
        entries.push(copy(spec, "Account ID", keys.account_id()));
    }
    entries.push(copy(spec, "Client ID", keys.client_id()));
    entries.push(copy(spec, "Client Secret", keys.client_secret()));
    entries
}

fn redirect(spec: &ZoomIntegrationSpec, facts: &Facts) -> Vec<Entry> {
    let Some(url) = redirect_url(spec, facts) else {
        return Vec::new();
    };
    let none = OAuth::default();
    let oauth = spec.oauth.as_ref().unwrap_or(&none);
    let mut entries = vec![entry(Act::Paste, "OAuth Redirect URL", url)];
    if oauth.strict_mode {
        entries.push(entry(Act::Tick, "Use Strict Mode for Redirect URLs", "on"));
    }
    match oauth.allow_list.as_deref() {
        Some(list) if !list.is_empty() => {
            entries.extend(
                list.iter()
                    .map(|url| entry(Act::Paste, "OAuth Allow Lists", url)),
            );
        }
        _ => entries.push(entry(Act::Paste, "OAuth Allow Lists", url)),
    }
    entries
}

fn subscriptions(spec: &ZoomIntegrationSpec) -> Vec<Entry> {
    let mut entries = vec![entry(Act::Choose, "Method", "Webhook")];
    let is_ticked = |event: &&String| !order::is_bots(event);
    for subscription in spec
        .webhook
        .iter()
        .flat_map(|webhook| &webhook.subscriptions)
        .filter(|subscription| subscription.events.iter().any(|event| is_ticked(&event)))
    {
        entries.push(entry(Act::Paste, "Subscription name", &subscription.name));
        entries.extend(
            subscription
                .events
                .iter()
                .filter(is_ticked)
                .map(|event| tick("Add Events", event, events::label(event))),
        );
    }
    entries
}

fn chatbot(spec: &ZoomIntegrationSpec, facts: &Facts) -> Vec<Entry> {
    let command = spec.app.chatbot.as_ref();
    let command = command.and_then(|bot| bot.slash_command.as_deref());
    let command = command.map(|command| entry(Act::Paste, "Slash Command", command));
    let url = if facts.endpoint.withheld {
        Vec::new()
    } else {
        url(spec, "Bot endpoint URL")
    };
    command.into_iter().chain(url).collect()
}

fn url(spec: &ZoomIntegrationSpec, field: &str) -> Vec<Entry> {
    let url = spec.webhook.as_ref().and_then(Webhook::url);
    url.map(|url| entry(Act::Paste, field, &url))
        .into_iter()
        .collect()
}

/// Without what nobody can tick.
fn scopes(spec: &ZoomIntegrationSpec, facts: &Facts) -> Vec<Entry> {
    let found = facts.scopes.as_ref();
    let has_box = |scope: &&String| !found.is_some_and(|found| found.has_no_box(scope));
    let optional = spec.scopes.optional.iter().flatten().filter(has_box);
    let required = spec.scopes.required.iter().filter(has_box);
    let mut entries: Vec<Entry> = required
        .map(|scope| tick("Add Scopes", scope, remedy::label(scope)))
        .chain(optional.map(|scope| tick("Add Scopes (optional)", scope, remedy::label(scope))))
        .collect();
    let listing = spec.app.listing.as_ref();
    if let Some(text) = listing.and_then(|listing| listing.scope_description.as_ref()) {
        entries.push(entry(Act::Paste, "Scope Description", text));
    }
    entries
}

fn information(spec: &ZoomIntegrationSpec) -> Vec<Entry> {
    let none = Listing::default();
    let listing = spec.app.listing.as_ref().unwrap_or(&none);
    let choice = match spec.app.distribution.unwrap_or_default() {
        Distribution::Private => None,
        Distribution::Unlisted => Some("Unlisted"),
        Distribution::Listed => Some("Listed"),
    };
    let list = |items: &Option<Vec<String>>| items.clone().unwrap_or_default();
    let text = |field, value: &Option<String>| {
        value
            .as_deref()
            .map(|value| entry(Act::Paste, field, value))
    };
    [
        text("App name", &spec.app.display_name),
        text("Short description", &listing.short_description),
        text("Long description", &listing.long_description),
        text("Company name", &listing.company_name),
        text("Contact name", &listing.contact_name),
        text("Contact email", &listing.contact_email),
        text("Privacy policy URL", &listing.privacy_url),
        text("Terms of use URL", &listing.terms_url),
        text("Support URL", &listing.support_url),
        text("Documentation URL", &listing.documentation_url),
        text("Direct landing URL", &listing.landing_url),
        text("Configuration URL", &listing.configuration_url),
    ]
    .into_iter()
    .flatten()
    .chain(
        list(&listing.categories)
            .iter()
            .map(|c| entry(Act::Choose, "Category", c)),
    )
    .chain(
        list(&listing.industry_verticals)
            .iter()
            .map(|v| entry(Act::Choose, "Industry vertical", v)),
    )
    .chain(choice.map(|choice| entry(Act::Choose, "Listed / Unlisted", choice)))
    .collect()
}

/// The code that Zoom shows, and the address that serves it afterwards.
fn domain_validation(spec: &ZoomIntegrationSpec, facts: &Facts) -> Vec<Entry> {
    let Some(file) = &spec.app.domain_validation else {
        return Vec::new();
    };
    let reference = &file.config_map_key_ref;
    let place = format!("{}/{}", reference.name, reference.key());
    let code = Entry {
        hint: Some("ConfigMap"),
        ..entry(Act::Copy, "Verification code", &place)
    };
    let host = spec
        .webhook
        .as_ref()
        .and_then(|webhook| webhook.endpoint.as_ref());
    let host = host.filter(|_| !facts.endpoint.withheld);
    let url = host.map(|endpoint| format!("https://{}{PATH}", endpoint.host));
    let url = url.map(|url| entry(Act::Open, "verifyzoom.html", &url));
    [code].into_iter().chain(url).collect()
}

fn links(facts: &Facts) -> Vec<Entry> {
    let own = facts.consent.install_url.iter();
    let personal = facts.consent.people.links.iter();
    own.map(|url| entry(Act::Open, "Installation URL", url))
        .chain(personal.map(|(name, url)| entry(Act::Open, name, url)))
        .collect()
}

fn copy(spec: &ZoomIntegrationSpec, field: &str, key: &str) -> Entry {
    let secret = &spec.credentials.secret_ref.name;
    entry(Act::Copy, field, &format!("{secret}/{key}"))
}

fn entry(act: Act, field: &str, value: &str) -> Entry {
    Entry {
        act,
        field: field.to_owned(),
        value: value.to_owned(),
        hint: None,
    }
}

fn tick(field: &str, value: &str, hint: Option<&'static str>) -> Entry {
    Entry {
        hint,
        ..entry(Act::Tick, field, value)
    }
}
