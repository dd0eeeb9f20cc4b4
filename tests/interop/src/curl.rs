//! curl, which speaks HTTP over TLS: a request that asks for no WebSocket is answered with an error of HTTP.

use std::error::Error;
use std::ffi::OsStr;
use std::process::Command;

use polywire::adapters::ws::WsListenConfig;

use crate::certificates::Certificates;
use crate::ours::EchoServer;
use crate::peer::filter;
use crate::report::Report;
use crate::site::{PAGE, Site};
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
    report.check("curl", "server", "a page, refusals, no such page", || {
        let site = Site::start()?;
        let get = |path: &str, flags: &[&str]| {
            let url = format!("http://{}{path}", site.addr);
            let mut command = plain(curl);
            command.args(["-w", "|%{http_code} %{content_type}"]).args(flags).arg(url);
            Ok::<_, Box<dyn Error>>(String::from_utf8(filter(&mut command, Vec::new())?)?)
        };
        expect(&format!("{PAGE}|200 text/html; charset=utf-8"), &get("/", &[])?)?;
        expect("|200 text/html; charset=utf-8", &get("/", &["--head", "--output", "/dev/null"])?)?;
        let text = "text/plain; charset=utf-8";
        expect(&format!("log in first\n|401 {text}"), &get("/private", UPGRADE)?)?;
        let evil = ["--header", "Origin: https://evil.example"];
        let refused = get("/chat", &[UPGRADE, &evil].concat())?;
        expect(&format!("403 {text}"), refused.rsplit('|').next().unwrap_or_default())?;
        let missing = get("/nowhere", &[])?;
        expect("404", missing.rsplit('|').next().unwrap_or_default().get(..3).unwrap_or_default())
    });
    report.check("curl", "server", "health checks of one that keeps alive", || {
        let site = Site::start()?;
        let url = format!("http://{}/health", site.addr);
        let mut command = plain(curl);
        command.args([&*url, &*url, &*url]);
        expect("ok\nok\nok\n", &String::from_utf8(filter(&mut command, Vec::new())?)?)
    });
}

/// What makes a request one for WebSocket.
const UPGRADE: &[&str] = &[
    "--header",
    "Connection: Upgrade",
    "--header",
    "Upgrade: websocket",
    "--header",
    "Sec-WebSocket-Version: 13",
    "--header",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

fn plain(curl: &OsStr) -> Command {
    let mut command = Command::new(curl);
    command.args(["--silent", "--noproxy", "*", "--http1.1", "--max-time", "10"]);
    command
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
