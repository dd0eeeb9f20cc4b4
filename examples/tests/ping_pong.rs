//! The example `ping-pong`, run as a user does.

mod common;

use std::net::{TcpListener, UdpSocket};

use common::{Example, word_after};
use polywire::network::Transport;

fn ping_pong(args: &[&str]) -> Example {
    Example::start("ping-pong", args)
}

/// A server, and the address to reach it at.
fn server(transport: Transport) -> (Example, String) {
    let mut server = ping_pong(&["server", transport.name(), "0"]);
    let line = server.line_with("listening on");
    let addr = word_after(&line, "listening on ").replace("0.0.0.0", "127.0.0.1");
    (server, addr)
}

#[test]
fn without_arguments_it_plays_over_each_transport() {
    let mut demo = ping_pong(&[]);
    assert_eq!(demo.exit_code(), 0, "{}", demo.text());
    assert_eq!(demo.output.len(), Transport::ALL.len(), "{}", demo.text());
    for (line, transport) in demo.output.iter().zip(Transport::ALL) {
        assert!(line.starts_with(&format!("{transport:<12}1000 messages ")), "{line}");
        let micros: f64 = word_after(line, "median round trip ").parse().unwrap();
        assert!(micros > 0.0 && line.ends_with(" µs"), "{line}");
    }
}

#[test]
fn a_server_answers_several_clients_and_counts_for_each() {
    for &transport in Transport::ALL {
        let (mut server, addr) = server(transport);
        let mut clients = [0, 1].map(|_| ping_pong(&["client", transport.name(), &addr]));
        for client in &mut clients {
            client.line_with(&format!("connected to {addr} by {transport}"));
            // Over UDP all clients count together.
            client.line_with(if transport.is_connection_oriented() { "pong 2" } else { "pong " });
        }
        if transport.is_connection_oriented() {
            server.line_with(" connected, clients: 2");
            let [first, second] = clients;
            drop(first);
            server.line_with(" disconnected, clients: 1");
            drop(second);
            server.line_with(" disconnected, clients: 0");
        }
    }
}

#[test]
fn a_websocket_client_takes_a_url() {
    let (_server, addr) = server(Transport::Ws);
    let mut client = ping_pong(&["client", "ws", &format!("ws://{addr}/some/path")]);
    client.line_with("pong 1");
}

#[test]
fn a_client_tells_that_nobody_listens() {
    // A port that was free just now.
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for transport in ["tcp", "framed-tcp", "ws"] {
        let mut client = ping_pong(&["client", transport, &addr]);
        assert_eq!(client.exit_code(), 1);
        assert!(client.text().contains(&format!("can't reach {addr}")), "{}", client.text());
    }
}

#[test]
fn a_client_gives_up_a_server_that_does_not_answer() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut client = ping_pong(&["client", "udp", &silent.local_addr().unwrap().to_string()]);
    assert_eq!(client.exit_code(), 1);
    assert!(client.text().contains("did not answer"), "{}", client.text());
}

#[test]
fn a_client_tells_that_the_server_is_gone() {
    let (server, addr) = server(Transport::FramedTcp);
    let mut client = ping_pong(&["client", "framed-tcp", &addr]);
    client.line_with("pong 1");
    drop(server);
    assert_eq!(client.exit_code(), 1);
    assert!(client.text().contains(&format!("{addr} is gone")), "{}", client.text());
}

#[test]
fn wrong_arguments_are_answered_with_the_usage() {
    for args in [
        &["server"][..],
        &["server", "tcp", "port"],
        &["server", "sctp", "0"],
        &["client"],
        &["client", "sctp"],
        &["play"],
    ] {
        let mut example = ping_pong(args);
        assert_eq!(example.exit_code(), 2, "{args:?}");
        assert!(example.text().contains("usage: ping-pong"), "{}", example.text());
    }
    let mut ws = ping_pong(&["client", "ws", "http://127.0.0.1:1/"]);
    assert_eq!(ws.exit_code(), 1);
    assert!(ws.text().contains("ws://"), "{}", ws.text());
}
