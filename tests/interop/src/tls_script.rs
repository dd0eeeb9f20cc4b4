//! TLS of Python (`ssl`) and JavaScript (`node:tls`) over plain TCP.

use std::ffi::OsStr;
use std::process::Command;

use polywire::adapters::tcp::{TcpConnectConfig, TcpListenConfig};
use polywire::adapters::tls::TlsVersion;
use polywire::network::{CloseReason, Transport};

use crate::certificates::{Certificates, VERSIONS};
use crate::ours::{Client, EchoServer};
use crate::peer::Peer;
use crate::report::Report;
use crate::websocket::Language;
use crate::{Result, sample};

pub fn run(report: &mut Report, language: Language, program: &OsStr, certificates: &Certificates) {
    let peer = language.tls_peer();
    for version in VERSIONS {
        let command = |role: &str| {
            let mut command = Command::new(program);
            command.arg(language.script("tls_echo")).arg(role).arg(name_of(version));
            command
        };
        report.check(peer, "client", &format!("{version:?}, up to 100,000 bytes"), || {
            let mut server = command("server");
            server.arg(certificates.path("cert.pem")).arg(certificates.path("key.pem"));
            as_client(&mut server, certificates, version)
        });
        report.check(peer, "server", &format!("{version:?}, up to 100,000 bytes"), || {
            let mut client = command("client");
            as_server(client.arg(certificates.path("ca.pem")), certificates)
        });
    }
}

fn name_of(version: TlsVersion) -> &'static str {
    match version {
        TlsVersion::Tls12 => "TLSv1_2",
        _ => "TLSv1_3",
    }
}

fn as_client(command: &mut Command, certificates: &Certificates, version: TlsVersion) -> Result {
    let server = Peer::start(command)?;
    let addr = format!("localhost:{}", server.wait_for("port ")?);
    let adapter = TcpConnectConfig::default().with_tls(certificates.connect()?);
    let (mut client, _) = Client::connect_by(adapter, Transport::Tcp, &addr)?;
    let spoken = client.tls().map(|tls| tls.version);
    if spoken != Some(version) {
        return Err(format!("{spoken:?} is spoken").into());
    }
    for size in [1, 100, 16_384, 100_000] {
        client.echo(&sample(size))?;
    }
    client.close();
    server.wait_for("closed")?;
    Ok(())
}

fn as_server(command: &mut Command, certificates: &Certificates) -> Result {
    let adapter = TcpListenConfig::default().with_tls(certificates.listen()?);
    let server = EchoServer::listen(adapter)?;
    let client = Peer::start(command.arg(server.addr.port().to_string()))?;
    client.wait_for("closed")?;
    match server.next_end()? {
        Some(CloseReason::PeerClosed) => Ok(()),
        other => Err(format!("ended by {other:?}").into()),
    }
}
