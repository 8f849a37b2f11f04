//! The program as kubectl's plugin, by the name of a link.

use std::os::unix::fs::symlink;

use crate::process::Program;

#[tokio::test]
async fn a_link_makes_it_kubectls_plugin() {
    let directory = tempfile::tempdir().unwrap();
    let link = directory.path().join("kubectl-zoom");
    symlink(env!("CARGO_BIN_EXE_zoom-operator"), &link).unwrap();
    let said = Program::at(&link).args(&["--help"]).run().await;
    assert_eq!(said.code, Some(0));
    assert!(
        said.stdout.contains("Usage: kubectl zoom <COMMAND>"),
        "{}",
        said.stdout
    );
    for command in [
        "status", "setup", "doctor", "handout", "refresh", "events", "grants",
    ] {
        assert!(
            said.stdout.contains(&format!("\n  {command} ")),
            "{command}"
        );
    }
    assert!(!said.stdout.contains("controller"), "{}", said.stdout);
    let said = Program::at(&link).args(&["controller"]).run().await;
    assert_eq!(said.code, Some(2), "{}", said.stderr);
}

#[tokio::test]
async fn without_a_cluster_it_says_so() {
    for command in [
        "status",
        "setup acme",
        "handout acme",
        "refresh acme",
        "events list acme",
    ] {
        let args: Vec<&str> = command.split(' ').collect();
        let said = Program::new().args(&args).run().await;
        assert_eq!(said.code, Some(1), "{command}: {said:?}");
        assert!(
            said.stderr.contains("no cluster: set KUBECONFIG"),
            "{}",
            said.stderr
        );
    }
    // Nothing is known, which is no finding.
    let said = Program::new().args(&["doctor", "acme"]).run().await;
    assert_eq!(said.code, Some(2), "{said:?}");
}

#[tokio::test]
async fn a_kubeconfig_that_is_not_there_is_named() {
    let said = Program::new()
        .args(&["status", "--kubeconfig", "nowhere.yaml"])
        .run()
        .await;
    assert_eq!(said.code, Some(1));
    assert!(
        said.stderr.contains("failed to read nowhere.yaml"),
        "{}",
        said.stderr
    );
}
