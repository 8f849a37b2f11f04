//! Several releases in one cluster never work on the same object, by the API server's own record.

use std::time::SystemTime;

use anyhow::ensure;
use serde_json::{Value, json};

use crate::bed::{Bed, LIMIT, Operator, Options, Sim, Tenant, object::text, tools, wait_for};

/// Integrations of each release.
const EACH: usize = 3;

/// Two releases for the whole life of their integrations, each for one namespace.
pub async fn by_namespace(bed: Bed) -> anyhow::Result<()> {
    bed.with_neighbours(["other"], async |[other]| side_by_side([&bed, other]).await)
        .await
}

async fn side_by_side(homes: [&Bed; 2]) -> anyhow::Result<()> {
    let since = SystemTime::now();
    let sim = Sim::deploy(homes[0]).await?;
    let zoom = format!("http://zoom-sim.{}.svc", homes[0].namespace());
    let options = Options {
        values: vec![
            format!("zoom.oauthUrl={zoom}"),
            format!("zoom.apiUrl={zoom}"),
        ],
        ..Options::default()
    };
    let mut operators = Vec::new();
    for home in homes {
        operators.push(Operator::install(home, &options).await?);
    }
    // The same names on both sides.
    let names: Vec<String> = (0..EACH).map(|number| format!("acme-{number}")).collect();
    let mut tenants = Vec::new();
    for home in homes {
        for name in &names {
            let tenant = Tenant::server_to_server(name);
            tenant
                .declare(home, &sim, json!({}), &tenant.manifest())
                .await?;
            tenants.push((home, tenant));
        }
    }
    for (home, tenant) in &tenants {
        home.until_reason(&tenant.name, "Connected").await?;
    }
    for (home, tenant) in &tenants {
        home.refresh_now(tenant).await?;
    }
    until_asked(&sim, &tenants, 2).await?;
    // Each also starts again with what is there.
    for operator in &operators {
        operator.restart().await?;
    }
    for (home, tenant) in &tenants {
        let change = json!({"externalRefs": {"tenantid": "1"}});
        home.change(&tenant.name, &change).await?;
    }
    for (home, tenant) in &tenants {
        home.until(&tenant.name, "its last change is observed", |object| {
            object["metadata"]["generation"] == object["status"]["observedGeneration"]
        })
        .await?;
        home.delete("secrets", &tenant.token_secret()).await?;
        home.until_object("secrets", &tenant.token_secret(), "restored", |_| true)
            .await?;
    }
    // The Secret that was deleted cost another token, and nothing else did.
    until_asked(&sim, &tenants, 3).await?;

    for home in homes {
        let written = writes(since, home.namespace(), |_| true)?;
        let own = format!("system:serviceaccount:{}:", home.namespace());
        for write in &written {
            ensure!(
                write.by.starts_with(&own),
                "{} wrote {} of {}",
                write.by,
                write.object,
                home.namespace()
            );
        }
        for name in &names {
            let status = format!("zoomintegrations/{name}");
            let secret = format!("secrets/{name}-zoom-token");
            for object in [status, secret] {
                let count = written
                    .iter()
                    .filter(|write| write.object == object)
                    .count();
                ensure!(count >= 2, "{object}: {count} writes in {written:#?}");
            }
        }
    }
    Ok(())
}

async fn until_asked(sim: &Sim, tenants: &[(&Bed, Tenant)], times: u64) -> anyhow::Result<()> {
    for (home, tenant) in tenants {
        let what = format!("{} of {} has its token", tenant.name, home.namespace());
        wait_for(&what, LIMIT, || async {
            Ok((sim.token_requests(tenant).await? >= times).then_some(()))
        })
        .await?;
    }
    for (home, tenant) in tenants {
        let asked = sim.token_requests(tenant).await?;
        ensure!(
            asked == times,
            "{} of {} asked {asked} times",
            tenant.name,
            home.namespace()
        );
    }
    Ok(())
}

/// A write of an operator.
#[derive(Debug)]
pub struct Write {
    /// Its account.
    by: String,
    /// Resource and name.
    object: String,
    at: String,
}

/// What operators wrote into a namespace since then, except their Leases.
fn writes(
    since: SystemTime,
    namespace: &str,
    counts: impl Fn(&str) -> bool,
) -> anyhow::Result<Vec<Write>> {
    let mut found = Vec::new();
    for line in tools::audited_since(since)?.lines() {
        if !line.contains(namespace) {
            continue;
        }
        let entry: Value = serde_json::from_str(line)?;
        let by = text(&entry, "/user/username");
        let resource = text(&entry, "/objectRef/resource");
        let is_write = !matches!(text(&entry, "/verb"), "get" | "list" | "watch");
        let object = format!("{resource}/{}", text(&entry, "/objectRef/name"));
        if by.starts_with("system:serviceaccount:")
            && by.ends_with("zoom-operator")
            && text(&entry, "/objectRef/namespace") == namespace
            && is_write
            && resource != "leases"
            && counts(&object)
        {
            found.push(Write {
                by: by.to_owned(),
                object,
                at: text(&entry, "/requestReceivedTimestamp").to_owned(),
            });
        }
    }
    found.sort_by(|one, other| one.at.cmp(&other.at));
    Ok(found)
}

/// Which operators wrote an integration and its token Secret, in their order, each once for as long as no other did.
pub fn writers(since: SystemTime, bed: &Bed, name: &str) -> anyhow::Result<Vec<String>> {
    let secret = format!("secrets/{name}-zoom-token");
    let own = [format!("zoomintegrations/{name}"), secret];
    let written = writes(since, bed.namespace(), |object| {
        own.iter().any(|own| own == object)
    })?;
    let mut writers: Vec<String> = written
        .into_iter()
        .map(|write| write.by.rsplit(':').next().unwrap_or_default().to_owned())
        .collect();
    writers.dedup();
    Ok(writers)
}
