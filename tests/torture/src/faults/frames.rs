//! The bytes by which a client of each transport speaks.

use polywire::network::Transport;
use polywire::util::encoding::{MAX_ENCODED_SIZE, encode_size};

/// A good WebSocket handshake (RFC 6455 section 4.1).
pub(crate) const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\n\
    Host: localhost\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// A message as a good client sends it.
pub(crate) fn frame(transport: Transport, message: &[u8]) -> Vec<u8> {
    match transport {
        Transport::FramedTcp => {
            [encode_size(message, &mut [0; MAX_ENCODED_SIZE]), message].concat()
        }
        Transport::Ws => ws_frame(0x82, message),
        _ => message.to_vec(),
    }
}

/// A WebSocket frame of that first byte (RFC 6455 section 5.2), under a mask that changes nothing.
pub(crate) fn ws_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | len as u8),
        len @ 126..=0xFFFF => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => frame = ws_header(first, len as u64),
    }
    if payload.len() <= 0xFFFF {
        frame.extend_from_slice(&[0; 4]);
    }
    frame.extend_from_slice(payload);
    frame
}

/// The header of a frame that notifies `len` bytes in its longest form, mask included.
pub(crate) fn ws_header(first: u8, len: u64) -> Vec<u8> {
    let mut header = vec![first, 0x80 | 127];
    header.extend_from_slice(&len.to_be_bytes());
    header.extend_from_slice(&[0; 4]);
    header
}
