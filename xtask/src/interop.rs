//! Talks to other implementations, as client and as server.
//!
//! The scenarios are in `tests/interop`, which depends on polywire; the peers' programs are in
//! `tests/interop/peers`.

use std::env::consts::EXE_EXTENSION;
use std::path::PathBuf;

use crate::consumers::program;
use crate::peers::Peers;
use crate::process::{cargo, execute, root, target_dir};
use crate::{Result, peers};

/// Installs what is missing of the peers, then runs all scenarios. With `skip_missing` those of
/// peers that can't be had here are left out.
pub(crate) fn run(browser: bool, skip_missing: bool) -> Result {
    let peers = peers::install(browser, skip_missing)?;
    let Peers { socat, python, node_modules, chromium, .. } = peers;
    let mut command = program("run", "interop");
    command.env("PEERS_DIR", root().join("tests/interop/peers"));
    if let Some(socat) = socat {
        command.env("PEER_SOCAT", socat);
    }
    if let Some(python) = python {
        command.env("PEER_PYTHON", python);
    }
    if let Some(node_modules) = node_modules {
        command.env("PEER_NODE", "node").env("NODE_PATH", node_modules);
    }
    for (variable, program) in [
        ("PEER_OPENSSL", peers.openssl),
        ("PEER_CURL", peers.curl),
        ("PEER_NGINX", peers.nginx),
        ("PEER_HAPROXY", peers.haproxy),
        ("PEER_CERTUTIL", peers.certutil),
    ] {
        if let Some(program) = program {
            command.env(variable, program);
        }
    }
    if let Some(chromium) = chromium {
        command.env("PEER_CHROMIUM", chromium).env("ECHO_SERVER", echo_server()?);
    }
    execute(&mut command)
}

/// Builds the example that is the README's echo server.
fn echo_server() -> Result<PathBuf> {
    let what = ["build", "--quiet", "--package", "polywire-examples", "--example", "echo-server"];
    execute(&mut cargo(what))?;
    let path = target_dir().join("debug/examples/echo-server");
    Ok(path.with_extension(EXE_EXTENSION))
}
