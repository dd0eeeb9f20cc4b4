//! The body of an answer that refuses.

use http::{HeaderMap, StatusCode};
use polywire_core::bytes::Bytes;

use crate::handshake::elements;

/// Bytes of a body that are kept: of more, nobody reads on.
pub(crate) const MAX_BODY: usize = 16 << 10;

/// Bytes that the chunked coding may take beside those of the body: extensions of chunks are of any length.
const MAX_CODING: usize = 16 << 10;

/// The front of a body, as it comes in.
#[derive(Debug)]
pub(crate) struct Body {
    framing: Framing,
    kept: Vec<u8>,
}

/// How one finds the end (RFC 9112 section 6.3).
#[derive(Debug)]
enum Framing {
    Done,
    Length(u64),
    Chunked { state: Chunk, coding: usize },
    UntilEnd,
}

/// Where in a chunk (RFC 9112 section 7.1).
#[derive(Clone, Copy, Debug)]
enum Chunk {
    /// In its size, of which there are so many digits.
    Size {
        size: u64,
        digits: u8,
    },
    /// Behind its size, before the end of the line.
    Extension {
        size: u64,
    },
    Data {
        left: u64,
    },
    /// Behind its data, before the end of the line.
    DataEnd,
}

impl Body {
    /// That of an answer with these headers.
    pub(crate) fn of(status: StatusCode, headers: &HeaderMap) -> Self {
        let framing = if status.is_informational() || matches!(status.as_u16(), 204 | 304) {
            Framing::Done
        } else if let Some(coding) = elements(headers, "transfer-encoding").last() {
            match coding.eq_ignore_ascii_case("chunked") {
                true => Framing::Chunked { state: Chunk::Size { size: 0, digits: 0 }, coding: 0 },
                false => Framing::UntilEnd,
            }
        } else {
            match length(headers) {
                Some(0) => Framing::Done,
                Some(len) => Framing::Length(len),
                None => Framing::UntilEnd,
            }
        };
        Self { framing, kept: Vec::new() }
    }

    /// Whether nothing more is wanted.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.framing, Framing::Done)
    }

    /// Takes what came.
    pub(crate) fn push(&mut self, input: &[u8]) {
        match &mut self.framing {
            Framing::Done => {}
            Framing::UntilEnd => self.keep(input),
            Framing::Length(left) => {
                let len = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= len as u64;
                let is_whole = *left == 0;
                self.keep(&input[..len]);
                if is_whole {
                    self.framing = Framing::Done;
                }
            }
            Framing::Chunked { .. } => self.push_chunked(input),
        }
        if self.kept.len() >= MAX_BODY {
            self.framing = Framing::Done;
        }
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        self.kept.into()
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = MAX_BODY - self.kept.len();
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn push_chunked(&mut self, mut input: &[u8]) {
        while let (Framing::Chunked { state, coding }, Some((&first, rest))) =
            (&mut self.framing, input.split_first())
        {
            if let Chunk::Data { left } = state {
                let len = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= len as u64;
                if *left == 0 {
                    *state = Chunk::DataEnd;
                }
                self.keep(&input[..len]);
                input = &input[len..];
                continue;
            }
            *coding += 1;
            match state.after(first) {
                Some(next) if *coding <= MAX_CODING => *state = next,
                _ => self.framing = Framing::Done,
            }
            input = rest;
        }
    }
}

impl Chunk {
    /// What follows a byte that is none of the data; `None` behind the last chunk, and where the coding is wrong.
    fn after(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Size { size, digits }, _) if byte.is_ascii_hexdigit() && digits < 16 => {
                let digit = u64::from((byte as char).to_digit(16)?);
                Some(Self::Size { size: size << 4 | digit, digits: digits + 1 })
            }
            (Self::Size { digits: 0, .. }, _) => None,
            (Self::Size { size, .. } | Self::Extension { size }, b'\n') => {
                (size > 0).then_some(Self::Data { left: size })
            }
            (Self::Size { size, .. }, b'\r' | b';' | b' ' | b'\t') => {
                Some(Self::Extension { size })
            }
            (Self::Size { .. }, _) => None,
            (Self::Extension { size }, _) => Some(Self::Extension { size }),
            (Self::DataEnd, b'\r') => Some(Self::DataEnd),
            (Self::DataEnd, b'\n') => Some(Self::Size { size: 0, digits: 0 }),
            (Self::DataEnd | Self::Data { .. }, _) => None,
        }
    }
}

/// `Content-Length`, if it is one number, however often it is said.
fn length(headers: &HeaderMap) -> Option<u64> {
    let mut lengths = elements(headers, "content-length").map(|text| {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| is_number)
    });
    let first = lengths.next()??;
    lengths.all(|other| other == Some(first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(headers: &[(&'static str, &str)]) -> Body {
        let pairs = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()));
        Body::of(StatusCode::FORBIDDEN, &pairs.collect())
    }

    /// The body, and whether its end was found.
    fn read(mut body: Body, input: &[u8], cut: usize) -> (String, bool) {
        let (first, second) = input.split_at(cut);
        [first, second].into_iter().for_each(|part| body.push(part));
        let is_done = body.is_done();
        (String::from_utf8(body.into_bytes().into()).unwrap(), is_done)
    }

    #[test]
    fn a_body_is_the_same_wherever_it_is_cut() {
        let (length, chunked) = (("content-length", "5"), ("transfer-encoding", "gzip, chunked"));
        for (headers, input, expected, is_done) in [
            (&[length][..], "hello and more", "hello", true),
            (&[length, length], "hello", "hello", true),
            (&[("content-length", "5, 5")], "hello!", "hello", true),
            (&[("content-length", "6")], "hello", "hello", false),
            (&[("content-length", "+5")], "hello!", "hello!", false),
            (&[length, ("content-length", "6")], "hello!", "hello!", false),
            (&[("content-length", "0")], "hello", "", true),
            (&[("content-length", "99999999999999999999")], "hello", "hello", false),
            (&[("content-length", "18446744073709551615")], "hello", "hello", false),
            (&[], "hello", "hello", false),
            (&[("transfer-encoding", "gzip")], "hello", "hello", false),
            (&[chunked], "2\r\nhe\r\n003;a=b\r\nllo\r\n0\r\nX: y\r\n\r\n", "hello", true),
            (&[chunked, length], "5\r\nhello\r\n0\r\n\r\n", "hello", true),
            (&[chunked], "A\r\n0123456789\r\n", "0123456789", false),
            (&[chunked], "ffffffffffffffff\r\nhello", "hello", false),
            (&[chunked], "fffffffffffffffff\r\nhello", "", true),
            (&[chunked], "5\r\nhelloX", "hello", true),
            (&[chunked], "\r\nhello", "", true),
            (&[chunked], "-1\r\nhello", "", true),
        ] {
            for cut in 0..=input.len() {
                let read = read(body(headers), input.as_bytes(), cut);
                assert_eq!(read, (expected.into(), is_done), "{headers:?}, {cut}");
            }
        }
    }

    #[test]
    fn no_more_is_kept_than_may_be_and_no_coding_is_endless() {
        let chunked = &[("transfer-encoding", "chunked")];
        for headers in [&[][..], &[("content-length", "1000000")]] {
            let mut body = body(headers);
            while !body.is_done() {
                body.push(&[b'x'; 1000]);
            }
            assert_eq!(body.into_bytes().len(), MAX_BODY);
        }
        for piece in ["1;extension\r\nx\r\n", "0000000000000001\r\nx\r\n", "10000\r\n"] {
            let mut body = body(chunked);
            let mut pushes = 0;
            while !body.is_done() {
                body.push(piece.as_bytes());
                pushes += 1;
            }
            assert!(pushes <= MAX_CODING && body.into_bytes().len() <= MAX_BODY, "{piece}");
        }
        let mut body = body(chunked);
        body.push(b"1;");
        for _ in 0..MAX_CODING {
            body.push(b"x");
        }
        assert!(body.is_done());
    }

    #[test]
    fn some_answers_have_none() {
        for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED] {
            assert!(Body::of(status, &HeaderMap::new()).is_done());
        }
    }
}
