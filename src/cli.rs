//! The command line: its structures, and the code behind each command. Every flag of a process can also be
//! set by an environment variable.

use std::{ffi::OsStr, path::Path, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    api::crds,
    commands::{
        doctor, events, grants, handout, refresh, setup, status, terminal::note, uninstall,
    },
    connect, controller,
};

/// Exit code of `doctor` when there is something to do.
const TO_DO: u8 = 1;
/// Exit code of `doctor` when it could not examine anything, and of all commands when the command line is
/// wrong.
const NOT_EXAMINED: u8 = 2;

/// Manages Zoom integrations as Kubernetes resources.
#[derive(Debug, Parser)]
// If a flag is repeated, the last one counts: deployments append to the arguments that the chart writes.
#[command(
    name = "zoom-operator",
    version,
    propagate_version = true,
    args_override_self = true
)]
pub struct Cli {
    /// The process or command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The processes and tools in this binary.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the controller.
    Controller(Box<controller::Args>),
    /// Serve the pages on which people authorize General apps.
    Connect(Box<connect::Args>),
    /// Print the `CustomResourceDefinition`s as YAML.
    Crds,
    /// Say which objects could not be deleted without the operator. The chart runs this before it is uninstalled.
    UninstallCheck(uninstall::Args),
    /// Commands for people (the same as `kubectl zoom`).
    #[command(flatten)]
    Tool(Tool),
}

/// Shows the state of Zoom integrations, and what is left to do in Zoom.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-zoom",
    bin_name = "kubectl zoom",
    version,
    propagate_version = true
)]
pub struct Plugin {
    /// What to do.
    #[command(subcommand)]
    pub tool: Tool,
}

/// Commands for people, as `zoom-operator ...` and as `kubectl zoom ...`.
#[derive(Debug, Subcommand)]
pub enum Tool {
    /// Show integrations in a table, or one of them on a page.
    Status(status::Args),
    /// Show what people have to do in Zoom, with the exact texts to paste.
    Setup(setup::Args),
    /// Check credentials or a resource in the cluster: what is wrong, and what to do.
    Doctor(Box<doctor::Args>),
    /// Write a document with the steps in Zoom, for the customer's Zoom administrator.
    Handout(handout::command::Args),
    /// Request a new access token now.
    Refresh(refresh::Args),
    /// List, show, replay and drop the events that could not be delivered.
    Events(Box<events::Args>),
    /// Move the grants of connections to another cluster.
    Grants(grants::Args),
}

/// Whether the program was called as kubectl's plugin, by a link named `kubectl-zoom`.
#[must_use]
pub fn is_plugin(program: Option<&OsStr>) -> bool {
    let name = program.and_then(|path| Path::new(path).file_stem());
    name.is_some_and(|name| name == "kubectl-zoom" || name == "kubectl_zoom")
}

// === impl Command ===

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// The errors of the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Controller(args) => controller::main(*args)?,
            Self::Connect(args) => connect::main(*args)?,
            Self::Crds => {
                for (_, yaml) in crds::all()? {
                    print!("---\n{yaml}");
                }
            }
            Self::UninstallCheck(args) => {
                if !uninstall::main(&args)? {
                    return Ok(ExitCode::FAILURE);
                }
            }
            Self::Tool(tool) => return tool.run(),
        }
        Ok(ExitCode::SUCCESS)
    }
}

// === impl Tool ===

impl Tool {
    /// Runs the tool.
    ///
    /// # Errors
    /// The errors of the tool.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Status(args) => status::main(&args)?,
            Self::Setup(args) => setup::main(&args)?,
            Self::Doctor(args) => return Ok(examined(doctor::main(&args))),
            Self::Handout(args) => handout::command::main(&args)?,
            Self::Refresh(args) => refresh::main(&args)?,
            Self::Events(args) => events::main(*args)?,
            Self::Grants(args) => {
                if !grants::main(&args)? {
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The exit code of an examination: 0 if all is well, 1 if there is something to do, 2 if nothing could be
/// found out.
fn examined(outcome: anyhow::Result<bool>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(TO_DO),
        Err(error) => {
            note(&format!("Error: {error:?}"));
            ExitCode::from(NOT_EXAMINED)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_lines_are_sound() {
        Cli::command().debug_assert();
        Plugin::command().debug_assert();
    }

    #[test]
    fn the_last_of_a_repeated_flag_counts_and_lists_grow() {
        let line = "zoom-operator controller --receiver-image=a --receiver-image=b --lease-namespace=n \
                    --identity=i --allowed-hosts=a=a.example --allowed-hosts=b=b.example";
        let parsed = Cli::try_parse_from(line.split_whitespace()).unwrap();
        let Command::Controller(args) = parsed.command else {
            panic!("not the controller");
        };
        assert_eq!(args.receiver.name, "b");
        assert_eq!(args.policy.allowed_hosts.len(), 2);
    }

    #[test]
    fn the_name_of_the_link_makes_it_a_plugin() {
        let called = |name: &str| is_plugin(Some(OsStr::new(name)));
        for name in [
            "kubectl-zoom",
            "/usr/local/bin/kubectl-zoom",
            "kubectl_zoom",
            "kubectl-zoom.exe",
        ] {
            assert!(called(name), "{name}");
        }
        for name in ["/zoom-operator", "kubectl", "kubectl-zoomer", ""] {
            assert!(!called(name), "{name}");
        }
        assert!(!is_plugin(None));
    }

    #[test]
    fn the_plugin_has_the_tools_and_no_process() {
        let parse = |line: &str| Plugin::try_parse_from(line.split(' ')).is_ok();
        for line in [
            "kubectl-zoom status",
            "kubectl-zoom status -A",
            "kubectl-zoom status zconn/ada -n clinics",
            "kubectl-zoom setup acme --language ja",
            "kubectl-zoom doctor acme",
            "kubectl-zoom handout acme --format html",
            "kubectl-zoom refresh zconn/ada --no-wait --context a",
            "kubectl-zoom events list acme -n clinics",
            "kubectl-zoom grants export --all -n clinics --key-file k -o f",
            "kubectl-zoom grants import f --key-file k",
        ] {
            assert!(parse(line), "{line}");
        }
        for line in [
            "kubectl-zoom",
            "kubectl-zoom crds",
            "kubectl-zoom status a -A",
            "kubectl-zoom grants export --key-file k -o f",
            "kubectl-zoom setup",
        ] {
            assert!(!parse(line), "{line}");
        }
    }
}
