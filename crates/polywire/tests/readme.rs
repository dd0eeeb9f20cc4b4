//! The adapter that the guide shows keeps its limits.

use std::net::TcpListener;

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
