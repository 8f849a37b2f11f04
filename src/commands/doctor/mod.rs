//! `doctor`: what works, what is missing and what to do, in plain words. It examines credentials before
//! anything is applied, or a resource in the cluster.
//!
//! | question | module |
//! |---|---|
//! | Which flags are there? | [`args`] |
//! | Where do credentials come from? | [`source`], [`values`] |
//! | For which app? | [`manifest`] |
//! | What does Zoom answer? | [`examine`] |
//! | Would the cluster take the manifest? | [`rules`] |
//! | What does that mean? | [`diagnosis`] |
//! | Is a resource of the cluster well? | [`resource`] |
//! | Does its webhook URL lead anywhere? | [`endpoint`] |
//! | What is printed? | [`report`] |

pub mod args;
mod diagnosis;
mod endpoint;
mod examine;
mod manifest;
mod report;
mod resource;
mod rules;
mod source;
mod values;

use jiff::Timestamp;
use kube::CustomResourceExt as _;

pub use self::args::Args;
use self::{
    diagnosis::Case,
    endpoint::Expectation,
    manifest::Manifest,
    report::{CheckStatus, RULES, Report},
    source::Origin,
    values::Values,
};
use crate::{
    api::v1alpha1::{Webhook, ZoomIntegration},
    commands::terminal::{self, Output, print},
};
use zoom::{Client, Endpoints};

/// Runs `doctor`. Returns whether all is well.
///
/// # Errors
/// When the arguments do not say what to examine, or it cannot be read: then nothing is known.
pub fn main(args: &Args) -> anyhow::Result<bool> {
    anyhow::ensure!(
        args.is_complete(),
        "nothing to examine. Name an integration (kubectl zoom doctor NAME), or give --kind or --spec with credentials (--from-env, --from-file PATH or --secret NAME)."
    );
    terminal::block_on(async {
        let report = match &args.target {
            Some(target) => resource::examine(&args.cluster.session().await?, target).await?,
            None => credentials(args).await?,
        };
        print(&match args.output {
            Output::Table => report.text()?,
            Output::Json => report.json()?,
        })?;
        Ok(report.is_well())
    })
}

async fn credentials(args: &Args) -> anyhow::Result<Report> {
    let manifest = manifest::read(args)?;
    let spec = &manifest.spec;
    let Some(origin) = Origin::of(args) else {
        let mut report = diagnosis::of_manifest(&manifest, Timestamp::now());
        taken(args, &manifest, &mut report).await?;
        return Ok(report);
    };
    let data = origin.read(args, spec).await?;
    let spec = manifest.with_what_is_there(&data);
    let values = Values::read(&spec, &data);
    let endpoints = Endpoints::new(args.zoom_oauth_url.clone(), args.zoom_api_url.clone());
    let zoom = Client::through(endpoints, args.egress.client_builder()?)?;
    let answer = examine::ask(&zoom, &values).await;
    let url = spec.webhook.as_ref().and_then(Webhook::url);
    let case = Case {
        spec: &spec,
        is_declared: manifest.is_declared,
        origin: &origin,
        values: &values,
        answer: &answer,
        zoom: args.zoom_oauth_url.as_str(),
    };
    let mut report = diagnosis::diagnose(&case, Timestamp::now());
    if manifest.is_declared {
        taken(args, &manifest, &mut report).await?;
    }
    if let Some(url) = url {
        let token = values.secret_token.as_ref();
        endpoint::probe(&url, token, Expectation::NotApplied, &mut report).await;
    }
    Ok(report)
}

/// Whether the cluster would take the manifest.
async fn taken(args: &Args, manifest: &Manifest, report: &mut Report) -> anyhow::Result<()> {
    let definition = serde_json::to_value(ZoomIntegration::crd())?;
    let version = &definition["spec"]["versions"][0];
    for field in rules::unknown_fields(&manifest.document, version) {
        let message = format!(
            "The definition has no field {field}: correct its name or its place, or remove it."
        );
        report.add("manifest", CheckStatus::ToDo, message);
    }
    let (verdict, message) = rules::check(args.cluster.session(), &manifest.document).await;
    report.add(RULES, verdict, message);
    Ok(())
}
