//! The flags of `doctor`. Credentials cannot be passed as arguments, because everybody on the machine can
//! read those.

use std::path::PathBuf;

use clap::ValueEnum;
use url::Url;

use crate::commands::terminal::{Cluster, Output, Target};
use runtime::outgoing::egress::Egress;

/// Arguments of `doctor`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A resource of the cluster: an integration, or `zconn/NAME`.
    #[arg(value_name = "NAME", conflicts_with_all = ["from_env", "from_file", "secret", "spec", "kind", "scopes"])]
    pub target: Option<Target>,

    /// Credentials of the environment: `ZOOM_CLIENT_ID`, `ZOOM_CLIENT_SECRET`, `ZOOM_ACCOUNT_ID`,
    /// `ZOOM_WEBHOOK_SECRET_TOKEN`.
    #[arg(long, group = "source")]
    pub from_env: bool,

    /// Credentials of a file with lines such as `ZOOM_CLIENT_ID=...`, or of a directory with a file for each
    /// key of the Secret.
    #[arg(long, group = "source", value_name = "PATH")]
    pub from_file: Option<PathBuf>,

    /// Credentials of a Secret in the cluster. Needs the right to read it.
    #[arg(long, group = "source", value_name = "NAME")]
    pub secret: Option<String>,

    /// Kind of the app; needed without `NAME` and `--spec`.
    #[arg(long, value_enum)]
    pub kind: Option<Kind>,

    /// Scopes that are needed, separated by commas.
    #[arg(long, value_delimiter = ',')]
    pub scopes: Vec<String>,

    /// File with a `ZoomIntegration`. Kind, scopes and key names are taken from it, and it is checked too.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kind", "scopes"])]
    pub spec: Option<PathBuf>,

    /// Base URL of Zoom's OAuth endpoints.
    #[arg(long, env = "ZOOM_OAUTH_URL", default_value = "https://zoom.us")]
    pub zoom_oauth_url: Url,

    /// Base URL of Zoom's REST API.
    #[arg(long, env = "ZOOM_API_URL", default_value = "https://api.zoom.us")]
    pub zoom_api_url: Url,

    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the section's help")]
    pub egress: Egress,

    /// Output format.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,

    /// The cluster and namespace.
    #[command(flatten)]
    pub cluster: Cluster,
}

/// Kind of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A Server-to-Server OAuth app.
    ServerToServer,
    /// A General app.
    General,
    /// An app that only receives events.
    WebhookOnly,
}

// === impl Args ===

impl Args {
    /// Whether they say what to examine.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        let has_credentials = self.from_env || self.from_file.is_some() || self.secret.is_some();
        self.target.is_some() || self.spec.is_some() || self.kind.is_some() && has_credentials
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &str) -> Result<Args, clap::Error> {
        let words = line.split(' ').filter(|word| !word.is_empty());
        Cli::try_parse_from(std::iter::once("doctor").chain(words)).map(|cli| cli.args)
    }

    #[test]
    fn there_is_one_subject_and_its_app_is_known() {
        for line in [
            "acme",
            "zconn/ada -n clinics -o json",
            "--kind server-to-server --from-env",
            "--kind general --from-file .env --scopes a:read,b:read",
            "--spec integration.yaml --secret zoom -n clinics",
            "--spec integration.yaml",
        ] {
            let parsed = parse(line);
            assert!(parsed.is_ok_and(|args| args.is_complete()), "{line}");
        }
        for line in ["", "--kind general", "--from-env"] {
            assert!(parse(line).is_ok_and(|args| !args.is_complete()), "{line}");
        }
        for line in [
            "--kind general --from-env --secret zoom",
            "acme --from-env",
            "acme --spec integration.yaml",
            "--spec integration.yaml --scopes a:read",
            "--spec integration.yaml --kind general",
            "--kind general --client-secret x",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        let scopes = parse("--kind general --from-env --scopes a:read,b:read").map(|a| a.scopes);
        assert_eq!(scopes.unwrap(), ["a:read", "b:read"]);
    }
}
