//! `doctor`: what works, what is missing and what to do, in plain words. It examines credentials before
//! anything is applied, or a resource in the cluster.
//!
//! | question | module |
//! |---|---|
//! | Which flags are there? | [`args`] |
//! | Where do credentials come from? | [`source`], [`values`] |
//! | For which app? | [`manifest`] |
//! | What does Zoom answer? | [`examine`] |
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
mod source;
mod values;

use jiff::Timestamp;

pub use self::args::Args;
use self::{
    diagnosis::Case, endpoint::Expectation, report::Report, source::Origin, values::Values,
};
use crate::{
    api::v1alpha1::Webhook,
    commands::terminal::{self, Output, print},
};
use zoom::{Client, Endpoints};

/// Runs `doctor`. Returns whether all is well.
///
/// # Errors
/// When the subject of the examination cannot be read: then nothing is known.
pub fn main(args: &Args) -> anyhow::Result<bool> {
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
        return Ok(diagnosis::of_manifest(&manifest, Timestamp::now()));
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
    if let Some(url) = url {
        let token = values.secret_token.as_ref();
        endpoint::probe(&url, token, Expectation::NotApplied, &mut report).await;
    }
    Ok(report)
}
