//! Credentials that are missing, empty, binary or odd: the integration waits, names the key, and gives nothing away.

use serde_json::{Value, json};

use crate::bed::{
    Bed, Case, LIMIT, Options, Tenant, keep,
    object::{condition, message, name, reason, status},
    secret, wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("bad_input::credentials_secret", credentials),
        Case::new("bad_input::longest_names", longest_names),
    ]
}

/// What is wrong with the Secret; which key the message must name, and the word for the fault.
fn faults(tenant: &Tenant) -> Vec<(Value, &'static str, &'static str)> {
    let id = tenant.client_id.as_bytes();
    let password = tenant.client_secret.as_bytes();
    let account = tenant.account_id.as_bytes();
    let junk: &[u8] = b"\xff\xfe\x00junk-that-nobody-may-read\x80";
    let broken_line = b"first-half-of-a-secret\nsecond-half-of-a-secret";
    let with = |id: &[u8], password: &[u8], account: &[u8]| {
        secret(
            &tenant.secret_name(),
            &[
                ("client-id", id),
                ("client-secret", password),
                ("account-id", account),
            ],
        )
    };
    let mut without_id = with(id, password, account);
    without_id["data"]
        .as_object_mut()
        .map(|data| data.remove("client-id"));
    let mut without_data = with(id, password, account);
    without_data["data"] = json!({});
    vec![
        (without_id, "client-id", "is missing"),
        (without_data, "account-id", "is missing"),
        (with(id, b"", account), "client-secret", "is empty"),
        (with(id, b" \n\t", account), "client-secret", "is empty"),
        (with(id, junk, account), "client-secret", "is not printable"),
        (
            with(id, broken_line, account),
            "client-secret",
            "has a blank or an invisible character in the middle",
        ),
        (
            with(id, password, "\u{1f389}\u{7}".as_bytes()),
            "account-id",
            "is not printable",
        ),
        (with(b"\0", password, account), "client-id", "is empty"),
        (
            with(id, "p\u{1f389}ssword-with-emoji".as_bytes(), account),
            "client-secret",
            "is not printable",
        ),
    ]
}

async fn credentials(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = Tenant::server_to_server("acme");
    sim.put_app(&tenant, json!({})).await?;
    keep("junk-that-nobody-may-read");
    keep("first-half-of-a-secret");
    keep("second-half-of-a-secret");
    bed.apply(&tenant.manifest()).await?;
    let object = bed.until_reason("acme", "AwaitingCredentials").await?;
    anyhow::ensure!(message(&object, "Ready").contains("does not exist"));
    for (secret, key, fault) in faults(&tenant) {
        bed.apply(&secret).await?;
        let what = format!("{key} {fault}");
        let object = bed
            .until("acme", &what, |object| {
                message(object, "Ready").contains(&format!("key {key} {fault}"))
            })
            .await?;
        anyhow::ensure!(reason(&object, "Ready") == "AwaitingCredentials");
        anyhow::ensure!(status(&object, "CredentialsValid") == "False");
        anyhow::ensure!(condition(&object, "Stalled").is_none());
        // Another key's fault is not left over in the next message.
        bed.delete("secrets", name(&secret)).await?;
        bed.until("acme", "no Secret", |object| {
            message(object, "Ready").contains("does not exist")
        })
        .await?;
    }
    anyhow::ensure!(
        sim.token_requests(&tenant).await? == 0,
        "nobody asked Zoom with half of the credentials"
    );
    // White space at both ends is a copying mistake, not a fault.
    let mut sound = tenant.clone();
    sound.client_secret = format!(" {}\n", tenant.client_secret);
    bed.apply(&sound.secret()).await?;
    bed.until_reason("acme", "Connected").await?;
    Ok(())
}

/// The longest names work to the end: Service names and label values have limits of their own.
async fn longest_names(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let name = format!("a{}", "b".repeat(51));
    let tenant = Tenant::server_to_server(&name);
    tenant
        .declare(&bed, &sim, json!({}), &tenant.manifest_with_webhook())
        .await?;
    bed.until_reason(&name, "Connected").await?;
    let validated = sim.validate(&tenant).await?;
    anyhow::ensure!(validated["ok"] == true, "{validated}");
    // Its Pods could not carry the whole name.
    let buffer = json!({"webhook": {"buffer": {"size": "64Mi"}}});
    bed.change(&name, &buffer).await?;
    let set = format!("a{}-9684f519-receiver", "b".repeat(33));
    bed.until_object("statefulsets", &set, "available", |object| {
        object["status"]["availableReplicas"] == 1
    })
    .await?;
    bed.until(&name, "the receiver answers", |object| {
        reason(object, "EventsDelivered") == "NothingDelivered"
    })
    .await?;
    // The polls between the passes find its Pods, too: only they bring a new time of validation.
    let before = bed.integration(&name).await?;
    let at = |object: &Value| object["status"]["webhook"]["lastValidated"].clone();
    // Again and again: at first a Pod of the Deployment may answer, which takes what it knows with it. And a busy receiver
    // may miss a poll, but is heard again.
    wait_for("the validation is seen", LIMIT, || async {
        let validated = sim.validate(&tenant).await?;
        anyhow::ensure!(validated["ok"] == true, "{validated}");
        let object = bed.integration(&name).await?;
        let silent = reason(&object, "EventsDelivered") == "ReceiverSilent";
        Ok((at(&object) != at(&before) && !silent).then_some(()))
    })
    .await?;
    wait_for("an event about it", LIMIT, || async {
        Ok((!bed.events(&name).await?.is_empty()).then_some(()))
    })
    .await
}
