//! `status`: the controller's findings, as tables or on a page. Reads only `ZoomIntegration`s and
//! `ZoomConnection`s.
//!
//! | Question | Module |
//! |---|---|
//! | Which flags are there? | [`args`] |
//! | What do the tables show? | [`list`] |
//! | What does the page of one resource show? | [`integration`], [`connection`], made with [`page`] |

pub mod args;
mod connection;
mod integration;
mod list;
mod page;

use jiff::Timestamp;

pub use self::args::Args;
use crate::{
    api::v1alpha1::{ZoomConnection, ZoomIntegration},
    commands::terminal::{self, Session, Target, print},
};

/// Runs `status`.
///
/// # Errors
/// When a request to the cluster fails, or there is no resource with this name.
pub fn main(args: &Args) -> anyhow::Result<()> {
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
    let integrations: Vec<ZoomIntegration> = session.list(everywhere).await?;
    let connections: Vec<ZoomConnection> = session.list(everywhere).await?;
    if !integrations.is_empty() || !connections.is_empty() {
        return list::render(&integrations, &connections, everywhere);
    }
    let none = "No ZoomIntegrations and no ZoomConnections";
    Ok(if everywhere {
        format!("{none}.\n")
    } else {
        format!("{none} in namespace {}.\n", session.namespace)
    })
}

#[cfg(test)]
mod tests;
