//! The adapter that the guide shows keeps its limits.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use polywire::network;

include!("readme/lines.rs");

/// What one read that found all of `input` brings: its lines, until one is too long or not whole.
fn lines_of(mut input: &mut [u8]) -> Result<Vec<Vec<u8>>, CloseReason> {
    let (mut protocol, mut lines) = (Lines, Vec::new());
    while !input.is_empty() {
        let Decoded { consumed, item } =
            protocol.decode(input, &mut Context::new(&mut Vec::new()))?;
        let Item::Message(line) = item else { break };
        lines.push(line.bytes.to_vec());
        input = &mut input[consumed..];
    }
    Ok(lines)
}

fn encoded(message: &[u8]) -> Vec<u8> {
    let mut line = Vec::new();
    Lines.encode(Message::binary(message), &mut line);
    line
}

#[test]
fn the_guide_shows_the_adapter_that_is_tested_here() {
    let tested = concat!("```rust\n", include_str!("readme/lines.rs"), "```\n");
    assert!(include_str!("../docs/guide/writing_an_adapter.md").contains(tested));
}

/// What one byte and then 256 KiB without an end cost: times that the protocol looks, and how long in all.
fn cost_of_a_line_without_end() -> (usize, Duration) {
    let mut input = vec![b'x'];
    let (mut protocol, mut looks, mut spent) = (Lines, 0, Duration::ZERO);
    for read in [1, 64 << 10, 64 << 10, 64 << 10, 64 << 10] {
        input.resize(if read == 1 { 1 } else { input.len() + read }, b'x');
        looks += 1;
        let begun = Instant::now();
        let decoded = protocol.decode(&mut input, &mut Context::new(&mut Vec::new()));
        spent += begun.elapsed();
        if decoded.is_err() {
            break; // It ends the connection.
        }
    }
    (looks, spent)
}

#[test]
fn a_line_that_never_ends_costs_less_than_a_millisecond() {
    let costs: Vec<_> = (0..20).map(|_| cost_of_a_line_without_end()).collect();
    assert!(costs.iter().all(|(looks, _)| *looks == 2), "{costs:?}");
    // The least, for the machine may do something else meanwhile.
    let least = costs.iter().map(|(_, spent)| *spent).min().unwrap();
    println!("one byte and 256 KiB without a newline: {least:?}");
    assert!(least < Duration::from_millis(1), "{least:?}");
}

#[test]
fn a_line_above_the_limit_is_an_error_though_its_end_was_read_with_it() {
    let longest = [b'x'; MAX_LINE];
    assert_eq!(lines_of(&mut encoded(&longest)), Ok(vec![longest.to_vec()]));

    for too_long in [MAX_LINE + 1, 60_000] {
        let mut line = encoded(&vec![b'x'; too_long]);
        let expected = Err(CloseReason::ProtocolViolation("line too long".into()));
        assert_eq!(lines_of(&mut line), expected, "whole, of {too_long} bytes");
        assert_eq!(lines_of(&mut line[..too_long]), expected, "{too_long} bytes without an end");
    }
}

#[test]
fn a_message_above_the_limit_or_of_two_lines_is_not_sent() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let (network, _processor) = network::split();
    let (endpoint, _) = network.connect(Lines, server.local_addr().unwrap()).unwrap();
    let message = [b'x'; MAX_LINE + 1];
    assert_eq!(network.send(endpoint, &message), SendStatus::MaxPacketSizeExceeded);
    assert_eq!(network.send(endpoint, b"one\ntwo"), SendStatus::InvalidMessage);
    assert_eq!(network.send(endpoint, &message[1..]), SendStatus::Sent);
}
