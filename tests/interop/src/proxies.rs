//! nginx and HAProxy between our client and our server: they end TLS or pass it on, and say whose connection it is.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use polywire::adapter::Listen;
use polywire::adapters::framed_tcp::{FramedTcpConnectConfig, FramedTcpListenConfig};
use polywire::network::Transport;
use polywire_proxy_protocol::{
    IpNet, ProxyConnectConfig, ProxyHeader, ProxyListenConfig, ProxyVersion,
};

use crate::certificates::Certificates;
use crate::ours::{Client, EchoServer};
use crate::peer::{Peer, free_port};
use crate::report::Report;
use crate::{Result, expect, sample};

/// Starts a proxy at the first address in front of a program at the second.
type Start<'a> = &'a dyn Fn(SocketAddr, SocketAddr, &Certificates) -> Result<Peer>;

pub fn nginx(report: &mut Report, nginx: &OsStr, certificates: &Certificates) {
    let ending = "ssl_certificate cert.pem; ssl_certificate_key key.pem;";
    let start = |listen: &'static str, settings: &'static str| {
        move |at: SocketAddr, to: SocketAddr, certificates: &Certificates| {
            let config = format!(
                "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n\
                 daemon off; pid nginx.pid; error_log stderr; events {{}}\n\
                 stream {{ server {{ listen {at} {listen}; {settings} proxy_pass {to}; proxy_protocol on; }} }}\n"
            );
            let dir = certificates.dir();
            fs::write(dir.join("nginx.conf"), config)?;
            let mut command = Command::new(nginx);
            command.arg("-p").arg(dir).arg("-c").arg(dir.join("nginx.conf"));
            started(command.args(["-e", "stderr"]), at)
        }
    };
    let (ends, passes) = (start("ssl", ending), start("", "ssl_preread on;"));
    report.check("nginx", "server", "it ends TLS, PROXY v1", || ended(certificates, &ends));
    report.check("nginx", "server", "it passes TLS, PROXY v1", || passed(certificates, &passes));
}

pub fn haproxy(report: &mut Report, haproxy: &OsStr, certificates: &Certificates) {
    let start = |bind: &'static str, server: &'static str| {
        move |at: SocketAddr, to: SocketAddr, certificates: &Certificates| {
            let config = format!(
                "defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n\
                 listen program\n bind {at} {bind}\n server program {to} {server}\n"
            );
            let dir = certificates.dir();
            fs::write(dir.join("haproxy.cfg"), config)?;
            let mut command = Command::new(haproxy);
            command.current_dir(dir).args(["-db", "-q", "-f", "haproxy.cfg"]);
            started(&mut command, at)
        }
    };
    let ending = "ssl crt both.pem";
    for (what, send) in [("v1", "send-proxy"), ("v2", "send-proxy-v2-ssl-cn")] {
        report.check("HAProxy", "server", &format!("it ends TLS, PROXY {what}"), || {
            ended(certificates, &start(ending, send))
        });
        report.check("HAProxy", "server", &format!("it passes TLS, PROXY {what}"), || {
            passed(certificates, &start("", send))
        });
    }
    for version in [ProxyVersion::V1, ProxyVersion::V2] {
        let start = start("accept-proxy ssl crt both.pem", "send-proxy-v2");
        report.check("HAProxy", "client", &format!("we say for whom, PROXY {version:?}"), || {
            on_behalf(certificates, &start, version)
        });
    }
}

pub fn started(command: &mut Command, at: SocketAddr) -> Result<Peer> {
    let mut proxy = Peer::start(command.stderr(Stdio::null()))?;
    proxy.wait_until_listening(at)?;
    Ok(proxy)
}

fn behind_proxies() -> Result<ProxyListenConfig> {
    let localhost: IpNet = "127.0.0.1/32".parse()?;
    Ok(ProxyListenConfig::new([localhost]))
}

/// The server speaks clear text.
fn ended(certificates: &Certificates, start: Start<'_>) -> Result {
    let config = FramedTcpListenConfig::default().over(behind_proxies()?);
    talk(certificates, config, start)
}

/// The server speaks TLS, behind the header.
fn passed(certificates: &Certificates, start: Start<'_>) -> Result {
    let config = FramedTcpListenConfig::default().with_tls(certificates.listen()?);
    talk(certificates, config.over(behind_proxies()?), start)
}

fn talk(certificates: &Certificates, config: impl Listen, start: Start<'_>) -> Result {
    let server = EchoServer::listen(config)?;
    let at = free_port()?;
    let _proxy = start(at, server.addr, certificates)?;
    let adapter = FramedTcpConnectConfig::default().with_tls(certificates.connect()?);
    let (mut client, ours) = Client::connect_by(adapter, Transport::FramedTcp, &at.to_string())?;
    for size in [1, 100, 100_000] {
        client.echo(&sample(size))?;
    }
    expect(&ours.to_string(), &client.ask_who()?)?;
    client.close();
    Ok(())
}

/// Our client is a proxy itself, in front of the other one.
fn on_behalf(certificates: &Certificates, start: Start<'_>, version: ProxyVersion) -> Result {
    let server = EchoServer::listen(FramedTcpListenConfig::default().over(behind_proxies()?))?;
    let at = free_port()?;
    let _proxy = start(at, server.addr, certificates)?;
    let header = ProxyHeader::new("192.0.2.1:1234".parse()?, "192.0.2.2:443".parse()?);
    let proxy = ProxyConnectConfig::default().with_version(version).with_header(header);
    let tls = certificates.connect()?;
    let adapter = FramedTcpConnectConfig::default().with_tls(tls).over(proxy);
    let (mut client, _) = Client::connect_by(adapter, Transport::FramedTcp, &at.to_string())?;
    client.echo(&sample(100))?;
    expect("192.0.2.1:1234", &client.ask_who()?)?;
    client.close();
    Ok(())
}
