//! message-io 0.19, whose framed TCP and UDP are the same on the wire.

use message_io::network::Transport as Theirs;
use polywire::network::Transport as Ours;

use crate::report::Report;
use crate::{Result, ours, sample, theirs};

const PEER: &str = "message-io 0.19";

/// Lengths about each length of the prefix, and beyond a read.
const FRAMES: &[usize] = &[1, 127, 128, 16_383, 16_384, 100_000, 1 << 20];
const DATAGRAMS: &[usize] = &[1, 500, 1_400, 9_000];

pub fn run(report: &mut Report) {
    let pairs = [
        ("framed TCP, up to 1 MiB", Ours::FramedTcp, Theirs::FramedTcp, FRAMES),
        ("UDP, up to 9000 bytes", Ours::Udp, Theirs::Udp, DATAGRAMS),
    ];
    for (what, ours, theirs, sizes) in pairs {
        report.check(PEER, "client", what, || as_client(ours, theirs, sizes));
        report.check(PEER, "server", what, || as_server(ours, theirs, sizes));
    }
}

fn as_client(ours: Ours, theirs: Theirs, sizes: &[usize]) -> Result {
    let server = theirs::EchoServer::start(theirs)?;
    let mut client = ours::Client::connect(ours, &server.addr.to_string())?;
    for size in sizes {
        client.echo(&sample(*size))?;
    }
    client.close();
    if ours.is_connection_oriented() { server.next_end() } else { Ok(()) }
}

fn as_server(ours: Ours, theirs: Theirs, sizes: &[usize]) -> Result {
    let server = ours::EchoServer::start(ours)?;
    let mut client = theirs::Client::connect(theirs, &server.addr.to_string())?;
    for size in sizes {
        client.echo(&sample(*size))?;
    }
    if !ours.is_connection_oriented() {
        return Ok(());
    }
    client.ask_to_close()?;
    let mut client = theirs::Client::connect(theirs, &server.addr.to_string())?;
    client.echo(b"again")?;
    client.close();
    server.next_end()?;
    Ok(())
}
