//! The program, run to its end.

use std::process::Command;

use tempfile::TempDir;

/// What a run said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// The program, in an empty directory, without the environment of who runs the tests.
pub struct Program {
    command: Command,
    home: TempDir,
}

// === impl Program ===

impl Program {
    /// `zoom-operator`.
    pub fn new() -> Self {
        Self::at(env!("CARGO_BIN_EXE_zoom-operator").as_ref())
    }

    /// The program under another name.
    pub fn at(path: &std::path::Path) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(path);
        command.env_clear().current_dir(home.path());
        command.env("HOME", home.path());
        Self { command, home }
    }

    pub fn args(mut self, args: &[&str]) -> Self {
        self.command.args(args);
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Puts a file into its directory.
    pub fn file(self, name: &str, text: &str) -> Self {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// Runs it to its end.
    pub async fn run(mut self) -> Said {
        let end = move || (self.command.output().unwrap(), self.home);
        let (output, _home) = tokio::task::spawn_blocking(end).await.unwrap();
        Said {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
