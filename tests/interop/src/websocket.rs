//! WebSocket peers in Python (`websockets`) and JavaScript (`ws`).

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use polywire::adapters::ws::{WsConnectConfig, WsListenConfig};
use polywire::network::{CloseReason, Transport};

use crate::certificates::Certificates;
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

    pub fn tls_peer(self) -> &'static str {
        match self {
            Self::Python => "Python ssl",
            Self::Node => "Node tls",
        }
    }

    pub fn peer(self) -> &'static str {
        match self {
            Self::Python => "Python websockets",
            Self::Node => "Node ws",
        }
    }

    pub fn script(self, name: &str) -> PathBuf {
        let extension = match self {
            Self::Python => "py",
            Self::Node => "js",
        };
        let dir = env::var_os("PEERS_DIR").unwrap_or_else(|| "tests/interop/peers".into());
        PathBuf::from(dir).join(name).with_extension(extension)
    }
}

/// In clear text, and over TLS.
pub fn run(report: &mut Report, language: Language, program: &OsStr, certificates: &Certificates) {
    let command = |name: &str| {
        let mut command = Command::new(program);
        command.arg(language.script(name));
        command
    };
    let peer = language.peer();
    report.check(peer, "client", "wss: messages, ping; we close", || {
        let mut server = command("ws_server");
        server.arg(certificates.path("cert.pem")).arg(certificates.path("key.pem"));
        as_client_over(Some(certificates), &mut server, |client, server| {
            client.close();
            expect("1000", &server.wait_for("closed")?)
        })
    });
    report.check(peer, "server", "wss: messages, ping; the peer closes", || {
        let mut client = command("ws_client");
        client.env("SSL_CERT_FILE", certificates.path("ca.pem"));
        client.env("NODE_EXTRA_CA_CERTS", certificates.path("ca.pem"));
        as_server_over(Some(certificates), &mut client, "client")
    });
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
    as_client_over(None, command, end)
}

fn as_client_over(
    tls: Option<&Certificates>,
    command: &mut Command,
    end: impl FnOnce(Client, &Peer) -> Result,
) -> Result {
    let server = Peer::start(command)?;
    let port = server.wait_for("port ")?;
    let mut client = match tls {
        None => Client::connect(Transport::Ws, &format!("ws://127.0.0.1:{port}/chat"))?,
        Some(certificates) => {
            let config = WsConnectConfig::default().with_tls(certificates.connect()?);
            let url = format!("wss://localhost:{port}/chat");
            Client::connect_by(config, Transport::Ws, &url)?.0
        }
    };
    server.wait_for("pong")?;
    client.echo(b"text")?;
    for size in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
        client.echo(&sample(size))?;
    }
    end(client, &server)
}

fn as_server(command: &mut Command, who_closes: &str) -> Result {
    as_server_over(None, command, who_closes)
}

fn as_server_over(tls: Option<&Certificates>, command: &mut Command, who_closes: &str) -> Result {
    let (server, scheme) = match tls {
        None => (EchoServer::start(Transport::Ws)?, "ws"),
        Some(certificates) => {
            let config = WsListenConfig::default().with_tls(certificates.listen()?);
            (EchoServer::listen(config)?, "wss")
        }
    };
    let url = format!("{scheme}://localhost:{}/chat", server.addr.port());
    let client = Peer::start(command.arg(url).arg(who_closes))?;
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
