//! Framing by hand, for the contestants that have no library and for the load generator.

/// How messages lie in a stream.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Wire {
    /// Not framed: every message has the same size.
    Sized(usize),
    /// Behind a length of 7 bits a byte, the lowest first.
    Varint,
    /// Behind a length of 4 bytes, the highest first.
    U32,
    /// WebSocket as a server speaks: it unmasks and does not mask.
    WsServer,
    /// WebSocket as a client speaks: it masks.
    WsClient,
}

/// Where the first message of some bytes lies.
pub(crate) struct Frame {
    start: usize,
    pub(crate) end: usize,
    mask: Option<[u8; 4]>,
}

const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

impl Wire {
    pub(crate) fn server(transport: &str, size: usize) -> Self {
        match transport {
            "tcp" => Self::Sized(size),
            "framed" => Self::Varint,
            "framed-u32" => Self::U32,
            "ws" => Self::WsServer,
            _ => panic!("no such transport: {transport}"),
        }
    }

    pub(crate) fn client(transport: &str, size: usize) -> Self {
        if transport == "ws" { Self::WsClient } else { Self::server(transport, size) }
    }

    pub(crate) fn is_ws(self) -> bool {
        matches!(self, Self::WsServer | Self::WsClient)
    }

    /// Where the first message lies, once it is whole.
    pub(crate) fn find(self, bytes: &[u8]) -> Option<Frame> {
        let (start, len, mask) = match self {
            Self::Sized(size) => (0, size, None),
            Self::U32 => {
                let len = u32::from_be_bytes(*bytes.first_chunk::<4>()?);
                (4, len as usize, None)
            }
            Self::Varint => {
                let (len, used) = varint(bytes)?;
                (used, len, None)
            }
            Self::WsServer | Self::WsClient => ws_header(bytes)?,
        };
        let end = start + len;
        (bytes.len() >= end).then_some(Frame { start, end, mask })
    }

    /// Appends a message to `out`, framed.
    pub(crate) fn push(self, message: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Sized(_) => {}
            Self::U32 => out.extend_from_slice(&(message.len() as u32).to_be_bytes()),
            Self::Varint => {
                let mut len = message.len();
                while len > 0x7f {
                    out.push(len as u8 | 0x80);
                    len >>= 7;
                }
                out.push(len as u8);
            }
            Self::WsServer => push_ws_header(message.len(), 0, out),
            Self::WsClient => {
                push_ws_header(message.len(), 0x80, out);
                out.extend_from_slice(&MASK);
                return push_masked(message, MASK, out);
            }
        }
        out.extend_from_slice(message);
    }
}

impl Frame {
    /// The message, unmasked into `buffer` if it was masked.
    pub(crate) fn message<'a>(&self, bytes: &'a [u8], buffer: &'a mut Vec<u8>) -> &'a [u8] {
        let message = &bytes[self.start..self.end];
        let Some(mask) = self.mask else { return message };
        buffer.clear();
        push_masked(message, mask, buffer);
        buffer
    }
}

fn varint(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut len = 0;
    for (at, byte) in bytes.iter().enumerate() {
        len |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((len, at + 1));
        }
    }
    None
}

/// Binary messages in one frame each are all that the contestants send.
fn ws_header(bytes: &[u8]) -> Option<(usize, usize, Option<[u8; 4]>)> {
    let second = *bytes.get(1)?;
    let (mut start, len) = match second & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?))),
        127 => (10, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize),
        len => (2, usize::from(len)),
    };
    let mut mask = None;
    if second & 0x80 != 0 {
        mask = Some(*bytes.get(start..)?.first_chunk()?);
        start += 4;
    }
    Some((start, len, mask))
}

fn push_ws_header(len: usize, mask_bit: u8, out: &mut Vec<u8>) {
    out.push(0x82);
    if len < 126 {
        out.push(mask_bit | len as u8);
    } else if let Ok(len) = u16::try_from(len) {
        out.push(mask_bit | 126);
        out.extend_from_slice(&len.to_be_bytes());
    } else {
        out.push(mask_bit | 127);
        out.extend_from_slice(&(len as u64).to_be_bytes());
    }
}

fn push_masked(message: &[u8], mask: [u8; 4], out: &mut Vec<u8>) {
    let wide = u64::from_ne_bytes([mask, mask].concat().try_into().expect("8 bytes"));
    let (words, rest) = message.as_chunks::<8>();
    out.reserve(message.len());
    for word in words {
        out.extend_from_slice(&(u64::from_ne_bytes(*word) ^ wide).to_ne_bytes());
    }
    out.extend(rest.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}
