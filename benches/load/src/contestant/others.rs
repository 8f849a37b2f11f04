//! Other receivers.

use std::{fs, path::Path, process::Command};

use serde_json::json;

use super::{Contestant, Kit};
use crate::{process::free_address, request::Scheme};

/// The least: see benches/floor.
pub fn floor(kit: &Kit, name: &'static str) -> anyhow::Result<Contestant> {
    with_port(kit, name, &mut Command::new(kit.binary("zoom-bench-floor")))
}

/// The same without HMAC and JSON.
pub fn bare(kit: &Kit, name: &'static str) -> anyhow::Result<Contestant> {
    let mut command = Command::new(kit.binary("zoom-bench-floor"));
    let contestant = with_port(kit, name, command.env("BARE", "1"))?;
    Ok(Contestant {
        is_receiver: false,
        ..contestant
    })
}

/// Zoom's library.
pub fn rivet(kit: &Kit, name: &'static str) -> anyhow::Result<Contestant> {
    node(kit, name, &kit.peers.join("rivet.mjs"))
}

/// What Zoom's public sample does.
pub fn express(kit: &Kit, name: &'static str) -> anyhow::Result<Contestant> {
    node(kit, name, &kit.peers.join("express.mjs"))
}

fn node(kit: &Kit, name: &'static str, script: &Path) -> anyhow::Result<Contestant> {
    with_port(kit, name, Command::new("node").arg(script))
}

/// Its rules know an HMAC of the body alone, in a header of its own, and nothing of a time or of an
/// answer that is computed. So it gets a header that Zoom does not send.
pub fn webhook(kit: &Kit, name: &'static str) -> anyhow::Result<Contestant> {
    let hooks = json!([{
        "id": "events",
        "execute-command": "/bin/true",
        "http-methods": ["POST"],
        "include-command-output-in-response": true,
        "trigger-rule-mismatch-http-response-code": 401,
        "trigger-rule": {"match": {
            "type": "payload-hmac-sha256",
            "secret": kit.secret,
            "parameter": {"source": "header", "name": "X-Body-Signature"},
        }},
    }]);
    let file = kit.work.join("hooks.json");
    fs::write(&file, hooks.to_string())?;
    let address = free_address()?;
    let mut command = Command::new("webhook");
    command
        .args(["-ip", "127.0.0.1", "-urlprefix", "zoom", "-port"])
        .arg(address.port().to_string())
        .arg("-hooks")
        .arg(file);
    let contestant = kit.started(name, &command, address)?;
    Ok(Contestant {
        scheme: Scheme::BodyToo,
        divisor: 8,
        ..contestant
    })
}

/// Somebody else's receiver, that listens on `PORT`.
fn with_port(kit: &Kit, name: &'static str, command: &mut Command) -> anyhow::Result<Contestant> {
    let address = free_address()?;
    command
        .env("PORT", address.port().to_string())
        .env("WEBHOOK_SECRET", &kit.secret)
        .env("NODE_ENV", "production");
    kit.started(name, command, address)
}
