//! Reading by hand, as well as one can: connections share what they read into and where their answers
//! gather, and own memory only while a message is cut.

use std::io::{self, IoSliceMut};

use crate::wire::Wire;

/// Bytes that one read takes.
const READ: usize = 256 << 10;
/// A cut message from here on is read into memory of its own: behind the copy of its front, none.
const LONG: usize = 64 << 10;
/// Buffers for long messages that are kept for the next ones.
const SPARE: usize = 8;

/// What all connections of a thread share.
pub(crate) struct Buffers {
    read: Vec<u8>,
    /// The answers to one read.
    pub(crate) out: Vec<u8>,
    spare: Vec<Vec<u8>>,
}

/// The front of a message that the end of a read has cut.
#[derive(Default)]
pub(crate) struct Inbox {
    part: Vec<u8>,
    filled: usize,
    /// The whole length of a long message, whose room `part` is.
    long: Option<usize>,
}

/// What a read came to.
#[derive(PartialEq)]
pub(crate) enum Read {
    /// There may be more.
    Full,
    /// There was no more.
    Short,
    /// The peer has closed.
    Closed,
}

impl Buffers {
    pub(crate) fn new() -> Self {
        Self { read: vec![0; READ], out: Vec::new(), spare: Vec::new() }
    }

    /// Reads bytes that are no messages yet.
    pub(crate) fn read_plain(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<&[u8]> {
        let len = read(&mut self.read)?;
        Ok(&self.read[..len])
    }
}

impl Inbox {
    /// Reads once, and hands the whole messages out, with where answers are to be put.
    pub(crate) fn read(
        &mut self,
        wire: Wire,
        buffers: &mut Buffers,
        read: impl FnOnce(&mut [IoSliceMut<'_>]) -> io::Result<usize>,
        mut each: impl FnMut(&[u8], &mut Vec<u8>),
    ) -> io::Result<Read> {
        let Buffers { read: buffer, out, spare } = buffers;
        let (mut front, mut missing) = (0, 0);
        let len = if let Some(total) = self.long {
            let rest = &mut self.part[self.filled..total];
            missing = rest.len();
            read(&mut [IoSliceMut::new(rest), IoSliceMut::new(buffer)])?
        } else {
            front = self.filled;
            buffer[..front].copy_from_slice(&self.part[..front]);
            read(&mut [IoSliceMut::new(&mut buffer[front..])])?
        };
        let room = missing + buffer.len() - front;
        self.filled += len.min(missing);
        if len >= missing {
            if let Some(total) = self.long.take() {
                let frame = wire.find(&self.part[..total]).expect("a whole message");
                each(frame.message(&mut self.part[..total]), out);
                let part = std::mem::take(&mut self.part);
                if spare.len() < SPARE {
                    spare.push(part);
                }
            }
            let bytes = &mut buffer[..front + len - missing];
            let used = messages(wire, bytes, out, &mut each);
            self.keep(wire, &bytes[used..], spare);
        }
        Ok(match len {
            0 => Read::Closed,
            len if len < room => Read::Short,
            _ => Read::Full,
        })
    }

    /// Keeps the front of a message until the rest comes.
    fn keep(&mut self, wire: Wire, front: &[u8], spare: &mut Vec<Vec<u8>>) {
        self.filled = front.len();
        let total = wire.measure(front).map_or(0, |frame| frame.end);
        if front.is_empty() {
            self.part = Vec::new(); // An idle connection owns nothing.
        } else if total >= LONG {
            self.long = Some(total);
            self.part = spare.pop().unwrap_or_default();
            if self.part.len() < total {
                self.part = vec![0; total];
            }
            self.part[..front.len()].copy_from_slice(front);
        } else {
            self.part.clear();
            self.part.extend_from_slice(front);
        }
    }
}

/// Hands out the whole messages and returns the bytes they took.
fn messages(
    wire: Wire,
    bytes: &mut [u8],
    out: &mut Vec<u8>,
    each: &mut impl FnMut(&[u8], &mut Vec<u8>),
) -> usize {
    if matches!(wire, Wire::Sized(_)) {
        each(bytes, out); // Whatever there is.
        return bytes.len();
    }
    let mut used = 0;
    while let Some(frame) = wire.find(&bytes[used..]) {
        each(frame.message(&mut bytes[used..]), out);
        used += frame.end;
    }
    used
}
