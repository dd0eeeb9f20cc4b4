//! OpenSSL's own client and server, over TLS 1.2 and 1.3.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use polywire::CloseReason;
use polywire::adapters::tcp::{TcpConnectConfig, TcpListenConfig};
use polywire::adapters::tls::{TlsConnectConfig, TlsError, TlsListenConfig, TlsVersion};
use polywire::network::Transport;

use crate::certificates::{Certificates, VERSIONS};
use crate::ours::{Client, EchoServer};
use crate::peer::{Peer, dialogue};
use crate::report::Report;
use crate::{Result, sample};

const PEER: &str = "OpenSSL";

pub fn run(report: &mut Report, openssl: &OsStr, certificates: &Certificates) {
    for version in VERSIONS {
        report.check(PEER, "server", &format!("{version:?}, echo"), || {
            let server = echo_server(certificates.listen()?)?;
            as_server(&mut s_client(openssl, certificates, &server, version))
        });
        report.check(PEER, "server", &format!("{version:?}, client certificate"), || {
            let server = echo_server(certificates.listen_mutually()?)?;
            let mut client = s_client(openssl, certificates, &server, version);
            as_server(
                client
                    .arg("-cert")
                    .arg(certificates.path("client.pem"))
                    .arg("-key")
                    .arg(certificates.path("client-key.pem")),
            )
        });
        report.check(PEER, "client", &format!("{version:?}, echo"), || {
            as_client(&mut s_server(openssl, certificates, version), certificates, version)
        });
        report.check(PEER, "client", &format!("{version:?}, client certificate"), || {
            let mut server = s_server(openssl, certificates, version);
            server.args(["-Verify", "1", "-CAfile"]).arg(certificates.path("ca.pem"));
            as_client(&mut server, certificates, version)
        });
    }
    report.check(PEER, "server", "a client that trusts others", || {
        let server = echo_server(certificates.listen()?)?;
        let mut client = s_client(openssl, certificates, &server, TlsVersion::Tls13);
        client.arg("-CAfile").arg(certificates.path("stranger.pem"));
        match as_server(&mut client) {
            Ok(()) => Err("it talks to us".into()),
            Err(_) => Ok(()),
        }
    });
    report.check(PEER, "client", "a server that another authority signed", || {
        let server = Peer::start(&mut s_server(openssl, certificates, TlsVersion::Tls13))?;
        let addr = server.wait_for("ACCEPT ")?;
        let tls = TlsConnectConfig::new().with_roots_file(certificates.path("stranger.pem"))?;
        let adapter = TcpConnectConfig::default().with_tls(tls);
        let (handler, _listener) = polywire::node::split::<()>();
        let error = handler.network().connect_sync(adapter, &*addr).map(drop);
        let reason = error.as_ref().err().and_then(CloseReason::of);
        match reason.and_then(TlsError::of) {
            Some(TlsError::UnknownIssuer) => Ok(()),
            _ => Err(format!("{error:?}").into()),
        }
    });
}

fn echo_server(tls: TlsListenConfig) -> Result<EchoServer> {
    EchoServer::listen(TcpListenConfig::default().with_tls(tls))
}

fn flag(version: TlsVersion) -> &'static str {
    match version {
        TlsVersion::Tls12 => "-tls1_2",
        _ => "-tls1_3",
    }
}

fn s_client(
    openssl: &OsStr,
    certificates: &Certificates,
    server: &EchoServer,
    version: TlsVersion,
) -> Command {
    let mut command = Command::new(openssl);
    command.args(["s_client", "-quiet", "-verify_quiet", "-verify_return_error", flag(version)]);
    command.args(["-verify_hostname", "localhost", "-connect", &server.addr.to_string()]);
    command.arg("-CAfile").arg(certificates.path("ca.pem"));
    command.stderr(Stdio::null()); // It tells much of what is well.
    command
}

fn as_server(client: &mut Command) -> Result {
    // Without the letters by which it takes a line for a command.
    let said: Vec<u8> = sample(100_000).iter().map(|byte| byte % 10 + b'0').collect();
    dialogue(client, &said, &said)
}

/// A server that sends each line back, from its end to its beginning.
fn s_server(openssl: &OsStr, certificates: &Certificates, version: TlsVersion) -> Command {
    let mut command = Command::new(openssl);
    command.args(["s_server", "-accept", "127.0.0.1:0", "-rev", flag(version)]);
    command.arg("-cert").arg(certificates.path("cert.pem"));
    command.arg("-key").arg(certificates.path("key.pem"));
    command.stderr(Stdio::null());
    command
}

fn as_client(server: &mut Command, certificates: &Certificates, version: TlsVersion) -> Result {
    let server = Peer::start(server)?;
    let addr = server.wait_for("ACCEPT ")?;
    let tls = certificates.connect()?.with_identity(certificates.client()?);
    let adapter = TcpConnectConfig::default().with_tls(tls);
    let (mut client, _) = Client::connect_by(adapter, Transport::Tcp, &addr)?;
    let spoken = client.tls().map(|tls| tls.version);
    if spoken != Some(version) {
        return Err(format!("{spoken:?} is spoken").into());
    }
    client.echo(b"level\n")?; // The same from both ends, so that it comes back as it was.
    client.close();
    Ok(())
}
