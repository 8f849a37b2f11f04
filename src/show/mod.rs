//! `status` and `setup`: what the controller found, and what people have to do, on a terminal. Wants to read
//! `ZoomIntegration`s and `ZoomConnection`s, and nothing else.
//!
//! | question | module |
//! |---|---|
//! | Which flags are there? | [`args`] |
//! | What does the table say? | [`list`] |
//! | What does the page of one resource say? | [`integration`], [`connection`], of [`page`]s |
//! | What is to be done in Zoom? | [`setup`] |

pub mod args;
mod connection;
mod integration;
mod list;
mod page;
mod setup;

use jiff::Timestamp;

pub use self::args::{SetupArgs, StatusArgs};
use crate::{
    api::v1alpha1::{ZoomConnection, ZoomIntegration},
    handout,
    terminal::{self, Session, Target, print},
};

/// Carries out `status`.
///
/// # Errors
/// When the cluster cannot be asked, or there is nothing of that name.
pub fn status(args: StatusArgs) -> anyhow::Result<()> {
    terminal::block_on(async {
        let session = args.cluster.session().await?;
        let now = Timestamp::now();
        let text = match &args.target {
            None => table(&session, args.all_namespaces).await?,
            Some(Target::Integration(name)) => {
                let found: ZoomIntegration = session.get(name).await?;
                let connections = session.connections(name).await?;
                integration::page(&found, &connections, now)?
            }
            Some(Target::Connection(name)) => {
                let found: ZoomConnection = session.get(name).await?;
                connection::page(&found, now)?
            }
        };
        print(&text)
    })
}

async fn table(session: &Session, everywhere: bool) -> anyhow::Result<String> {
    let found: Vec<ZoomIntegration> = session.list(everywhere).await?;
    if !found.is_empty() {
        return list::render(&found, everywhere);
    }
    Ok(if everywhere {
        "No ZoomIntegrations.\n".into()
    } else {
        format!("No ZoomIntegrations in namespace {}.\n", session.namespace)
    })
}

/// Carries out `setup`.
///
/// # Errors
/// When the cluster cannot be asked, there is nothing of that name, or the operator has not seen it.
pub fn setup(args: SetupArgs) -> anyhow::Result<()> {
    terminal::block_on(async {
        let session = args.cluster.session().await?;
        let handout = handout::command::read(&session, &args.integration).await?;
        print(&setup::render(&handout, args.language, args.all)?)
    })
}

#[cfg(test)]
mod tests;
