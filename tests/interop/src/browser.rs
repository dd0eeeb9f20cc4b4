//! A browser: the page it loads, the WebSocket it speaks to and the report it makes are all served
//! by polywire.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{env, fs, process};

use polywire::adapters::ws::{Deflate, WsListenConfig};
use polywire::network::{NetEvent, Transport};
use polywire::node::{self, NodeEvent, NodeHandler, NodeTask};

use crate::certificates::Certificates;
use crate::controls::ClosingServer;
use crate::ours::EchoServer;
use crate::peer::Peer;
use crate::report::Report;
use crate::site::Site;
use crate::{Result, expect};

/// A browser takes its time to start.
const DEADLINE: Duration = Duration::from_secs(60);

/// No sandbox, as it refuses to run for root; nothing in the background, as it would ask hosts far
/// away.
const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// The WebSocket port of the example `echo-server`, which is the README's code word for word.
const README_SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3044);

pub fn run(report: &mut Report, chromium: &OsStr, certificates: &Certificates) {
    report.check("Chromium", "server", "page, text, binary, both close", || {
        let echo = EchoServer::start(Transport::Ws)?;
        let found = visit(chromium, "ends", &format!("ws://{}/", echo.addr), None)?;
        expect("client 1000 true, server 1000 true", &found)
    });
    report.check("Chromium", "server", "deflate, all as sent", || {
        let deflate = Deflate::dedicated(15).with_threshold(0);
        let echo = EchoServer::listen(WsListenConfig::default().with_deflate(deflate))?;
        let found = visit(chromium, "deflate", &format!("ws://{}/", echo.addr), None)?;
        expect("permessage-deflate; client_max_window_bits=15, all as sent", &found)
    });
    report.check("Chromium", "server", "another origin is refused", || {
        let site = Site::start()?;
        let found = visit(chromium, "ends", &format!("ws://{}/chat", site.addr), None)?;
        expect("failed: no connection", &found)
    });
    report.check("Chromium", "server", "subprotocol, close codes", || {
        let server = ClosingServer::start()?;
        let found = visit(chromium, "codes", &format!("ws://{}/", server.addr), None)?;
        expect("chat.v2, 4001 grüezi true, 4002  true", &found)
    });
    if let Some(certutil) = env::var_os("PEER_CERTUTIL") {
        for (what, root, expected) in [
            ("wss, our authority imported", "ca.pem", "client 1000 true, server 1000 true"),
            ("wss, another authority imported", "stranger.pem", "failed: no connection"),
        ] {
            report.check("Chromium", "server", what, || {
                let config = WsListenConfig::default().with_tls(certificates.listen()?);
                let echo = EchoServer::listen(config)?;
                let home = home_that_trusts(&certutil, certificates, root)?;
                let url = format!("wss://localhost:{}/", echo.addr.port());
                expect(expected, &visit(chromium, "ends", &url, Some(&home))?)
            });
        }
    }
    let Some(program) = env::var_os("ECHO_SERVER") else { return };
    report.check("Chromium", "server", "text as text, binary as binary", || {
        let mut server = Peer::start(&mut Command::new(program))?;
        server.wait_until_listening(README_SERVER)?;
        let found = visit(chromium, "kinds", &format!("ws://{README_SERVER}/"), None)?;
        // Fails if another program has the port and answered in its place.
        server.wait_for("client connected")?;
        expect("all as sent", &found)
    });
}

/// A home folder in which a browser finds `root` among the authorities that its user has imported.
fn home_that_trusts(certutil: &OsStr, certificates: &Certificates, root: &str) -> Result<PathBuf> {
    let home = certificates.dir().join(format!("home-{root}"));
    let store = home.join(".pki/nssdb");
    fs::create_dir_all(&store)?;
    let store = format!("sql:{}", store.display());
    for args in [&["-N", "--empty-password"][..], &["-A", "-t", "C,,", "-n", "root", "-i"]] {
        let mut command = Command::new(certutil);
        command.args(["-d", &store]).args(args);
        if args[0] == "-A" {
            command.arg(certificates.path(root));
        }
        if !command.status()?.success() {
            return Err("certutil failed".into());
        }
    }
    Ok(home)
}

/// Opens the page in a browser, has it do the `talk` with the server, and returns its report.
fn visit(chromium: &OsStr, talk: &str, server: &str, home: Option<&Path>) -> Result<String> {
    let web = WebServer::start()?;
    let profile = env::temp_dir().join(format!("polywire-browser-{}-{talk}", process::id()));
    let mut command = Command::new(chromium);
    if let Some(home) = home {
        command.env("HOME", home);
    }
    let browser = Peer::start(
        command
            .args(FLAGS)
            .stderr(Stdio::null()) // It complains of much that is not there.
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("http://{}/?talk={talk}&ws={server}", web.addr)),
    )?;
    let found = web.reports.recv_timeout(DEADLINE);
    drop(browser);
    let _ = fs::remove_dir_all(profile);
    Ok(found.map_err(|_| "the page did not report")?)
}

/// Just enough HTTP to serve one page and to take its report.
struct WebServer {
    addr: SocketAddr,
    reports: mpsc::Receiver<String>,
    handler: NodeHandler<()>,
    _task: NodeTask,
}

impl WebServer {
    fn start() -> Result<Self> {
        let dir = env::var("PEERS_DIR").unwrap_or_else(|_| "tests/interop/peers".into());
        let page = fs::read_to_string(format!("{dir}/page.html"))?;
        let (handler, listener) = node::split();
        let (_, addr) = handler.network().listen(Transport::Tcp, "127.0.0.1:0")?;
        let (reported, reports) = mpsc::channel();
        let inside = handler.clone();
        let task = listener.for_each_async(move |event| {
            // A request of a browser to this machine fits into one read.
            let NodeEvent::Network(NetEvent::Message(client, request)) = event else { return };
            let request = String::from_utf8_lossy(request);
            let path = request.split_whitespace().nth(1).unwrap_or_default();
            if let Some(report) = path.strip_prefix("/report?") {
                let _ = reported.send(decoded(report));
            }
            let body = if path.starts_with("/?") { page.as_str() } else { "" };
            inside.network().send(client, response(body).as_bytes());
            inside.network().remove(client.resource_id());
        });
        Ok(Self { addr, reports, handler, _task: task })
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.handler.stop();
    }
}

fn response(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Undoes `encodeURIComponent`.
fn decoded(component: &str) -> String {
    let mut parts = component.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2).unwrap_or_default();
        bytes.push(u8::from_str_radix(code, 16).unwrap_or(b'?'));
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
