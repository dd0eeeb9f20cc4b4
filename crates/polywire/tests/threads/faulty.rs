//! Letters over a system that transfers less than was asked for and interrupts, and over
//! a link that loses packets.

use std::fs;

use crate::common::*;
use crate::faults::Library;
use crate::letters::Length;
use crate::order::exchange;
use crate::{alone, namespace};

const STREAMS: [Transport; 3] = [Transport::Tcp, Transport::FramedTcp, Transport::Ws];
const SHORT: (Length, u32, u32) =
    (Length::Short, 16, if cfg!(debug_assertions) { 5_000 } else { 50_000 });
const LONG: (Length, u32, u32) =
    (Length::Long, 8, if cfg!(debug_assertions) { 100 } else { 1_000 });

/// The transport with 4 KiB for what it sends. The other side has little room as well, so that it
/// acknowledges soon.
fn narrow_sender(transport: Transport) -> (Box<dyn Listen>, Box<dyn Connect>) {
    let listen = TcpListenConfig::default().with_receive_buffer_size(16 << 10);
    let connect = TcpConnectConfig::default().with_send_buffer_size(4 << 10);
    match transport {
        Transport::Tcp => (Box::new(listen), Box::new(connect)),
        Transport::FramedTcp => (
            Box::new(FramedTcpListenConfig::default().with_tcp(listen)),
            Box::new(FramedTcpConnectConfig::default().with_tcp(connect)),
        ),
        _ => (
            Box::new(WsListenConfig::default().with_tcp(listen)),
            Box::new(WsConnectConfig::default().with_tcp(connect)),
        ),
    }
}

/// Runs both kinds of letters over each stream transport.
fn exchange_all() {
    for transport in STREAMS {
        exchange(transport, narrow_sender(transport), SHORT);
        exchange(transport, narrow_sender(transport), LONG);
    }
}

/// Segments that were sent again in this network.
fn sent_again() -> u64 {
    let text = fs::read_to_string("/proc/net/snmp").unwrap();
    let mut tcp = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = (tcp.next().unwrap(), tcp.next().unwrap());
    let at = names.split(' ').position(|name| name == "RetransSegs").unwrap();
    values.split(' ').nth(at).unwrap().parse().unwrap()
}

/// The lines that tell what was measured.
fn tell(said: &str) {
    said.lines().filter(|line| line.contains(" letters in ")).for_each(|line| println!("{line}"));
}

#[test]
fn letters_survive_short_transfers_and_interruptions() {
    if alone::is_alone() {
        return exchange_all();
    }
    let test = "faulty::letters_survive_short_transfers_and_interruptions";
    let Some(library) = Library::compile("transfers") else { return };
    let said = library.run(test);
    tell(&said);
    let report = said.lines().find_map(|line| line.strip_prefix("faults: ")).expect("a report");
    println!("{report}");
    let numbers: Vec<f64> = report.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [calls, interrupted, transfers, shortened] = numbers[..] else { panic!("{report}") };
    assert!(calls > 10_000.0 && transfers > 10_000.0, "{report}");
    assert!((0.04..0.06).contains(&(interrupted / calls)), "{report}");
    assert!((0.45..0.55).contains(&(shortened / transfers)), "{report}");
}

#[test]
fn letters_survive_a_link_that_loses_packets() {
    if alone::is_alone() {
        for transport in STREAMS {
            exchange(transport, (Box::new(transport), Box::new(transport)), SHORT);
        }
        assert!(sent_again() > 0, "packets were lost");
        return;
    }
    let test = "faulty::letters_survive_a_link_that_loses_packets";
    let lossy = "-A INPUT -i lo -m statistic --mode random --probability 0.01 -j DROP";
    if let Some(said) = namespace::run(test, lossy) {
        tell(&said);
    }
}
