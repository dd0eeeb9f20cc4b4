//! A browser: the page it loads, the WebSocket it speaks to and the report it makes are all served
//! by polywire.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{env, fs, process};

use polywire::network::{NetEvent, Transport};
use polywire::node::{self, NodeEvent, NodeHandler, NodeTask};

use crate::Result;
use crate::ours::EchoServer;
use crate::peer::Peer;
use crate::report::Report;

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

pub fn run(report: &mut Report, chromium: &OsStr) {
    report.check("Chromium", "server", "page, text, binary, both close", || {
        let echo = EchoServer::start(Transport::Ws)?;
        let web = WebServer::start()?;
        let profile = env::temp_dir().join(format!("polywire-browser-{}", process::id()));
        let browser = Peer::start(
            Command::new(chromium)
                .args(FLAGS)
                .stderr(Stdio::null()) // It complains of much that is not there.
                .arg(format!("--user-data-dir={}", profile.display()))
                .arg(format!("http://{}/?ws=ws://{}/", web.addr, echo.addr)),
        )?;
        let said = web.reports.recv_timeout(DEADLINE);
        drop(browser);
        let _ = fs::remove_dir_all(profile);
        match said.map_err(|_| "the page did not report")?.as_str() {
            "client%201000%20true%2C%20server%201000%20true" => Ok(()),
            other => Err(other.to_owned().into()),
        }
    });
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
                let _ = reported.send(report.to_owned());
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
