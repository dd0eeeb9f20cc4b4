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
    WsServer(Kind),
    /// WebSocket as a client speaks: it masks.
    WsClient(Kind),
}

/// What a message of WebSocket is.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Text = 1,
    Binary = 2,
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
            "ws" => Self::WsServer(Kind::Binary),
            "ws-text" => Self::WsServer(Kind::Text),
            _ => panic!("no such transport: {transport}"),
        }
    }

    pub(crate) fn client(transport: &str, size: usize) -> Self {
        match Self::server(transport, size) {
            Self::WsServer(kind) => Self::WsClient(kind),
            other => other,
        }
    }

    pub(crate) fn is_ws(self) -> bool {
        matches!(self, Self::WsServer(_) | Self::WsClient(_))
    }

    /// Whether a frame has the kind that this side sends.
    pub(crate) fn has_kind(self, frame: &[u8]) -> bool {
        match self {
            Self::WsServer(kind) | Self::WsClient(kind) => frame[0] & 0x0f == kind as u8,
            _ => true,
        }
    }

    /// Numbers a message, in digits if it is to be text.
    pub(crate) fn number(self, message: &mut [u8], mut number: u64) {
        if !matches!(self, Self::WsServer(Kind::Text) | Self::WsClient(Kind::Text)) {
            return crate::numbered::number(message, number);
        }
        for digit in message.iter_mut().take(8) {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }

    /// Where the first message lies, once it is whole.
    pub(crate) fn find(self, bytes: &[u8]) -> Option<Frame> {
        self.measure(bytes).filter(|frame| bytes.len() >= frame.end)
    }

    /// Where the first message lies or is going to, once its length is known.
    pub(crate) fn measure(self, bytes: &[u8]) -> Option<Frame> {
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
            Self::WsServer(_) | Self::WsClient(_) => ws_header(bytes)?,
        };
        Some(Frame { start, end: start + len, mask })
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
            Self::WsServer(kind) => push_ws_header(kind, message.len(), 0, out),
            Self::WsClient(kind) => {
                push_ws_header(kind, message.len(), 0x80, out);
                out.extend_from_slice(&MASK);
                return push_masked(message, MASK, out);
            }
        }
        out.extend_from_slice(message);
    }
}

impl Frame {
    /// The message, unmasked where it lies if it was masked.
    pub(crate) fn message<'a>(&self, bytes: &'a mut [u8]) -> &'a [u8] {
        let message = &mut bytes[self.start..self.end];
        if let Some(mask) = self.mask {
            let wide = widened(mask);
            let (words, rest) = message.as_chunks_mut::<8>();
            for word in words {
                *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
            }
            rest.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        }
        message
    }

    /// The same as it lies there: still masked, if it was.
    pub(crate) fn raw<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start..self.end]
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

/// Messages in one frame each are all that the contestants send.
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

fn push_ws_header(kind: Kind, len: usize, mask_bit: u8, out: &mut Vec<u8>) {
    out.push(0x80 | kind as u8);
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

fn widened([a, b, c, d]: [u8; 4]) -> u64 {
    u64::from_ne_bytes([a, b, c, d, a, b, c, d])
}

fn push_masked(message: &[u8], mask: [u8; 4], out: &mut Vec<u8>) {
    let wide = widened(mask);
    let (words, rest) = message.as_chunks::<8>();
    out.reserve(message.len());
    for word in words {
        out.extend_from_slice(&(u64::from_ne_bytes(*word) ^ wide).to_ne_bytes());
    }
    out.extend(rest.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}
