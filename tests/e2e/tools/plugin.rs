//! What people read: the table, the pages, the list, the handout, the doctor's opinion.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::Person;
use crate::bed::{
    App, Bed, Case, Options, Tenant,
    object::{key, text},
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("tools::what_people_read", what_people_read),
        Case::new("tools::doctor_names_what_is_wrong", what_is_wrong),
    ]
}

/// Fails if any of these is in the text.
fn ensure_silent(text: &str, secrets: &[&str]) -> anyhow::Result<()> {
    for secret in secrets {
        ensure!(
            secret.len() > 8 && !text.contains(secret),
            "a secret is in it: {text}"
        );
    }
    Ok(())
}

async fn what_people_read(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = Tenant::server_to_server("acme");
    tenant
        .declare(&bed, &sim, json!({}), &tenant.manifest_with_webhook())
        .await?;
    let app = App::general("consented");
    app.declare(&bed, &sim, json!({}), &json!({})).await?;
    let acme = bed.until_reason("acme", "Connected").await?;
    bed.until("consented", "its steps are reported", |object| {
        object["status"]["setup"]
            .as_array()
            .is_some_and(|steps| !steps.is_empty())
    })
    .await?;
    let token = bed.get("secrets", &tenant.token_secret()).await?;
    let token = key(&token, "access-token");
    let secrets = [
        tenant.client_secret.as_str(),
        &tenant.webhook_secret,
        &token,
        &app.0.client_secret,
    ];
    let person = Person::new(&bed).await?;

    let table = person.must(&["status"]).await?;
    let lines: Vec<&str> = table.lines().collect();
    ensure!(lines.len() == 3 && lines[0].starts_with("NAME "), "{table}");
    ensure!(lines[1].contains("Connected"), "{table}");
    let page = person.must(&["status", "acme"]).await?;
    let expires = text(&acme, "/status/token/expiresAt")
        .replace('T', " ")
        .replace('Z', " UTC");
    for wanted in [&tenant.token_secret(), &tenant.client_id, &expires] {
        ensure!(page.contains(wanted.as_str()), "{wanted}: {page}");
    }

    let list = person.must(&["setup", "acme"]).await?;
    ensure!(
        list.contains("[x] 1. create the Server-to-Server OAuth app"),
        "{list}"
    );
    ensure!(list.contains("meeting.ended"), "{list}");
    let japanese = person
        .must(&["setup", "consented", "--language", "ja"])
        .await?;
    ensure!(
        japanese.contains("https://back-end.example.com/callback"),
        "{japanese}"
    );
    ensure!(japanese.contains("Zoom での"), "{japanese}");

    let handouts = handouts(&person).await?;
    ensure!(handouts.contains("https://back-end.example.com/callback"));
    for text in [table, page, list, japanese, handouts] {
        ensure_silent(&text, &secrets)?;
    }
    nearest(&person).await
}

/// Both forms in both languages; the pictures are for who looks at them.
async fn handouts(person: &Person) -> anyhow::Result<String> {
    let mut all = String::new();
    for (language, title) in [("en", "Setting up consented in Zoom"), ("ja", "Zoom での")] {
        for file in [format!("a.{language}.md"), format!("a.{language}.html")] {
            let path = person.directory().join(&file);
            let path = path.to_str().context("no text")?;
            let args = ["handout", "consented", "--language", language, "-o", path];
            person.must(&args).await?;
            let text = std::fs::read_to_string(path)?;
            ensure!(text.contains(title), "{file}: {text}");
            all += &text;
        }
    }
    Ok(all)
}

async fn nearest(person: &Person) -> anyhow::Result<()> {
    let said = person.zoom(&["status", "acne"]).await?;
    let namespace = person.bed.namespace();
    let wanted =
        format!("there is no ZoomIntegration acne in namespace {namespace}; nearest: acme");
    ensure!(!said.success && said.stderr.contains(&wanted), "{said:?}");
    let said = person.zoom(&["setup", "zzzzzzzz"]).await?;
    ensure!(
        !said.success && said.stderr.contains("there are: acme, consented"),
        "{said:?}"
    );
    Ok(())
}

async fn what_is_wrong(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let good = Tenant::server_to_server("good");
    sim.put_app(&good, json!({})).await?;
    let wrong = Tenant::server_to_server("wrong");
    sim.put_app(&wrong, json!({"client_secret": "another-client-secret"}))
        .await?;
    bed.apply(&good.manifest()).await?;
    let webhook = json!({"webhook": {
        "endpoint": {"host": "nobody.invalid"},
        "sink": {"http": {"serviceRef": {"name": "sink"}}},
    }});
    bed.apply(&wrong.manifest_with(&webhook)).await?;
    for tenant in [&good, &wrong] {
        bed.apply(&tenant.secret()).await?;
    }
    bed.until_reason("good", "Connected").await?;
    bed.until_reason("wrong", "CredentialsRejected").await?;
    let person = Person::new(&bed).await?;
    let said = person.must(&["doctor", "good"]).await?;
    ensure!(said.ends_with("\nNothing to do.\n"), "{said}");
    let said = person.zoom(&["doctor", "wrong", "-o", "json"]).await?;
    ensure!(!said.success, "{said:?}");
    let report: Value = serde_json::from_str(&said.stdout).with_context(|| format!("{said:?}"))?;
    let checks = report["checks"].as_array().context("no checks")?;
    let ready = checks.iter().find(|check| check["check"] == "Ready");
    let ready = ready.context("nothing is said of Ready")?;
    ensure!(ready["verdict"] == "ToDo", "{report:#}");
    ensure!(
        text(ready, "/message").contains("copy both again"),
        "{report:#}"
    );
    let endpoint = checks.iter().find(|check| check["check"] == "from here");
    let endpoint = endpoint.context("nothing is said of the webhook URL")?;
    ensure!(endpoint["verdict"] != "Ok", "{report:#}");
    ensure!(report["well"] == false, "{report:#}");
    ensure_silent(&said.stdout, &[&wrong.client_secret])
}
