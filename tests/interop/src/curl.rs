//! curl, which speaks HTTP over TLS: a request that asks for no WebSocket is answered with an error of HTTP.

use std::ffi::OsStr;
use std::process::Command;

use polywire::adapters::ws::WsListenConfig;

use crate::certificates::Certificates;
use crate::ours::EchoServer;
use crate::peer::filter;
use crate::report::Report;
use crate::{Result, expect};

pub fn run(report: &mut Report, curl: &OsStr, certificates: &Certificates) {
    for version in ["1.2", "1.3"] {
        report.check("curl", "server", &format!("TLS {version}, https to a ws listener"), || {
            let flags = [&format!("--tlsv{version}"), "--tls-max", version];
            let root = certificates.path("ca.pem");
            let status = ask(curl, certificates, |command| {
                command.args(flags).arg("--cacert").arg(&root);
            })?;
            expect("400", &status)
        });
    }
    report.check("curl", "server", "an authority that it does not know", || {
        let root = certificates.path("stranger.pem");
        let status = ask(curl, certificates, |command| {
            command.arg("--cacert").arg(&root);
        })?;
        expect("000", &status)
    });
}

/// The status of the answer; `000` for none.
fn ask(
    curl: &OsStr,
    certificates: &Certificates,
    set: impl FnOnce(&mut Command),
) -> Result<String> {
    let config = WsListenConfig::default().with_tls(certificates.listen()?);
    let server = EchoServer::listen(config)?;
    let url = format!("https://localhost:{}/", server.addr.port());
    let mut command = Command::new(curl);
    command.args([
        "--silent",
        "--noproxy",
        "*",
        "--output",
        "/dev/null",
        "-w",
        "%{http_code}",
        &url,
    ]);
    set(&mut command);
    Ok(String::from_utf8(filter(&mut command, Vec::new())?)?)
}
