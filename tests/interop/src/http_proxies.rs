//! nginx and HAProxy that understand HTTP, in front of our server: they pass upgrades and pages on, and check its health.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use polywire::adapters::ws::{Deflate, WsConnectConfig};
use polywire::network::Transport;

use crate::certificates::Certificates;
use crate::ours::Client;
use crate::peer::{Peer, free_port};
use crate::proxies::started;
use crate::report::Report;
use crate::site::{PAGE, Site};
use crate::{DEADLINE, Result, sample};

pub fn nginx(report: &mut Report, nginx: &OsStr, certificates: &Certificates) {
    report.check("nginx", "server", "upgrade and page through HTTP", || {
        through(|at, to| {
            let dir = certificates.dir();
            let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .iter()
                .map(|what| format!(" {what}_temp_path {what};"))
                .collect();
            let config = format!(
                "daemon off; pid http.pid; error_log stderr; events {{}}\n\
                 http {{ access_log off;{temporary}\n\
                 map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}\n\
                 server {{ listen {at}; location / {{ proxy_pass http://{to}; proxy_http_version 1.1;\n\
                 proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; }} }} }}\n"
            );
            fs::write(dir.join("http.conf"), config)?;
            let mut command = Command::new(nginx);
            command.arg("-p").arg(dir).arg("-c").arg(dir.join("http.conf"));
            started(command.args(["-e", "stderr"]), at)
        })
    });
}

pub fn haproxy(report: &mut Report, haproxy: &OsStr, certificates: &Certificates) {
    report.check("HAProxy", "server", "upgrade and page, healthy", || {
        through(|at, to| {
            let dir = certificates.dir();
            let config = format!(
                "defaults\n mode http\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n\
                 timeout tunnel 60s\n\
                 listen site\n bind {at}\n option httpchk GET /health\n http-check expect string ok\n\
                 server site {to} check inter 100ms fall 1 rise 1\n"
            );
            fs::write(dir.join("http.cfg"), config)?;
            let mut command = Command::new(haproxy);
            command.current_dir(dir).args(["-db", "-q", "-f", "http.cfg"]);
            started(&mut command, at)
        })
    });
}

fn through(start: impl FnOnce(SocketAddr, SocketAddr) -> Result<Peer>) -> Result {
    let site = Site::start()?;
    let at = free_port()?;
    let _proxy = start(at, site.addr)?;
    for _ in 0..2 {
        let config = WsConnectConfig::default().with_deflate(Deflate::default());
        let mut client = Client::connect_by(config, Transport::Ws, &format!("ws://{at}/chat"))?.0;
        for size in [0, 1, 125, 65_536, 1 << 20] {
            client.echo(&sample(size))?;
        }
        client.close();
        let page = get(at)?;
        if !page.starts_with("HTTP/1.1 200") || !page.contains(PAGE) {
            return Err(format!("another page: {page}").into());
        }
    }
    Ok(())
}

fn get(at: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect(at)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.write_all(
        format!("GET / HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
