//! WebSocket peers in Python (`websockets`) and JavaScript (`ws`).

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use polywire::network::{CloseReason, Transport};

use crate::ours::{Client, EchoServer, Reason};
use crate::peer::Peer;
use crate::report::Report;
use crate::{Result, expect, sample};

/// What the peer is written in.
#[derive(Clone, Copy)]
pub enum Language {
    Python,
    Node,
}

impl Language {
    /// The variable that tells where its interpreter is.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Python => "PEER_PYTHON",
            Self::Node => "PEER_NODE",
        }
    }

    fn peer(self) -> &'static str {
        match self {
            Self::Python => "Python websockets",
            Self::Node => "Node ws",
        }
    }

    fn script(self, name: &str) -> PathBuf {
        let extension = match self {
            Self::Python => "py",
            Self::Node => "js",
        };
        let dir = env::var_os("PEERS_DIR").unwrap_or_else(|| "tests/interop/peers".into());
        PathBuf::from(dir).join(name).with_extension(extension)
    }
}

pub fn run(report: &mut Report, language: Language, program: &OsStr) {
    let command = |name: &str| {
        let mut command = Command::new(program);
        command.arg(language.script(name));
        command
    };
    let peer = language.peer();
    report.check(peer, "client", "messages, ping; we close", || {
        as_client(&mut command("ws_server"), |client, server| {
            client.close();
            expect("1000", &server.wait_for("closed")?)
        })
    });
    report.check(peer, "client", "messages, ping; the peer closes", || {
        as_client(&mut command("ws_server"), |client, server| {
            expect_polite(&client.ask_to_close()?)?;
            expect("1000", &server.wait_for("closed")?)
        })
    });
    report.check(peer, "server", "messages, ping; the peer closes", || {
        as_server(&mut command("ws_client"), "client")
    });
    report.check(peer, "server", "messages, ping; we close", || {
        as_server(&mut command("ws_client"), "server")
    });
}

fn as_client(command: &mut Command, end: impl FnOnce(Client, &Peer) -> Result) -> Result {
    let server = Peer::start(command)?;
    let port = server.wait_for("port ")?;
    let mut client = Client::connect(Transport::Ws, &format!("ws://127.0.0.1:{port}/chat"))?;
    server.wait_for("pong")?;
    client.echo(b"text")?;
    for size in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
        client.echo(&sample(size))?;
    }
    end(client, &server)
}

fn as_server(command: &mut Command, who_closes: &str) -> Result {
    let server = EchoServer::start(Transport::Ws)?;
    let client = Peer::start(command.arg(format!("ws://{}/chat", server.addr)).arg(who_closes))?;
    expect("1000", &client.wait_for("closed")?)?;
    match who_closes {
        "client" => expect_polite(&server.next_end()?),
        _ => Ok(()),
    }
}

fn expect_polite(reason: &Reason) -> Result {
    match reason {
        Some(CloseReason::PeerClosedWith { code: 1000, .. }) => Ok(()),
        other => Err(format!("ended by {other:?} instead of code 1000").into()),
    }
}
