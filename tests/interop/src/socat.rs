//! socat: TCP and UDP by somebody who knows nothing of messages.

use std::ffi::OsStr;
use std::process::Command;

use polywire::network::Transport;

use crate::ours::{Client, EchoServer};
use crate::peer::{Peer, filter};
use crate::report::Report;
use crate::{Result, sample};

pub fn run(report: &mut Report, socat: &OsStr) {
    let tcp = "TCP, half closed after 100 kB";
    report.check("socat", "client", "TCP", || {
        as_client(socat, Transport::Tcp, "TCP4-LISTEN:0,bind=127.0.0.1")
    });
    report.check("socat", "server", tcp, || as_server(socat, Transport::Tcp, "TCP4", 100_000));
    report.check("socat", "client", "UDP", || {
        as_client(socat, Transport::Udp, "UDP4-LISTEN:0,bind=127.0.0.1")
    });
    report.check("socat", "server", "UDP", || as_server(socat, Transport::Udp, "UDP4", 1_400));
}

fn as_client(socat: &OsStr, transport: Transport, listen: &str) -> Result {
    let server = Peer::start_logging(Command::new(socat).args(["-d", "-d", listen, "PIPE"]))?;
    let addr = server.wait_for(" AF=2 ")?;
    let mut client = Client::connect(transport, &addr)?;
    for size in [1, 100, 1_400] {
        client.echo(&sample(size))?;
    }
    client.close();
    Ok(())
}

/// socat ends its side as soon as all is sent; the echo must be whole nevertheless.
fn as_server(socat: &OsStr, transport: Transport, kind: &str, size: usize) -> Result {
    let server = EchoServer::start(transport)?;
    let patience = if transport.is_connection_oriented() { "-t10" } else { "-t1" };
    let to = format!("{kind}:{}", server.addr);
    let echo = filter(Command::new(socat).args([patience, "-", &to]), sample(size))?;
    if echo != sample(size) {
        return Err(format!("{size} bytes became {}", echo.len()).into());
    }
    if transport.is_connection_oriented() {
        server.next_end()?;
    }
    Ok(())
}
