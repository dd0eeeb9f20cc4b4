//! What clients send, and what they hear: all compared, and counted.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use crate::json;
use crate::wire::{Kind, Wire};

/// Sent one after another, and again from the first on.
const COUNT: usize = 64;

/// What the end of a compressed message lacks (RFC 7692 section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

const TEXT: u8 = 0x81;
const COMPRESSED: u8 = 0x40;

pub(super) struct Texts {
    size: usize,
    texts: Vec<Text>,
    inflater: Decompress,
    inflated: Vec<u8>,
    heard: u64,
    /// Those of the frames that were heard.
    bytes: u64,
    wrong: u64,
}

struct Text {
    plain: Vec<u8>,
    /// As clients send it.
    frame: Vec<u8>,
    plain_frame: Vec<u8>,
    /// The last frame that was this text: the same needs no second look.
    known: Vec<u8>,
}

impl Texts {
    pub(super) fn new(size: usize) -> Self {
        let new = |seed| {
            let plain = json::text(seed, size);
            let plain_frame = frame(TEXT, &plain);
            let frame = frame(TEXT | COMPRESSED, &compressed(&plain));
            Text { plain, frame, plain_frame, known: Vec::new() }
        };
        let (texts, inflated) = ((0..COUNT as u64).map(new).collect(), Vec::new());
        Self {
            size,
            texts,
            inflater: Decompress::new(false),
            inflated,
            heard: 0,
            bytes: 0,
            wrong: 0,
        }
    }

    /// The frame of a client's message of that number.
    pub(super) fn frame(&self, number: usize) -> &[u8] {
        &self.texts[number % COUNT].frame
    }

    /// The same, not compressed.
    pub(super) fn plain_frame(&self, number: usize) -> &[u8] {
        &self.texts[number % COUNT].plain_frame
    }

    /// Notes a frame, the message of that number to a client.
    pub(super) fn hear(&mut self, number: usize, deflates: bool, frame: &[u8], payload: &[u8]) {
        self.heard += 1;
        self.bytes += frame.len() as u64;
        let text = &mut self.texts[number % COUNT];
        if frame == text.known {
            return;
        }
        let first = if deflates { TEXT | COMPRESSED } else { TEXT };
        let is_right = frame[0] == first
            && match deflates {
                true => {
                    inflate(&mut self.inflater, payload, &mut self.inflated, self.size)
                        == text.plain
                }
                false => payload == text.plain,
            };
        match is_right {
            true => text.known = frame.to_vec(),
            false => self.wrong += 1,
        }
    }

    /// From here on it counts.
    pub(super) fn begin(&mut self) {
        (self.heard, self.bytes) = (0, 0);
    }

    pub(super) fn heard(&self) -> u64 {
        self.heard
    }

    /// What was heard, as the results tell it.
    pub(super) fn tally(&self, missing: u64) -> String {
        let Self { heard, bytes, wrong, .. } = self;
        format!("messages={heard} bytes={bytes} wrong={}", wrong + missing)
    }
}

/// A frame of a client.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    Wire::WsClient(Kind::Binary).push(payload, &mut frame);
    frame[0] = first;
    frame
}

fn compressed(plain: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 * plain.len() + 64);
    let mut deflater = Compress::new(Compression::default(), false);
    deflater.compress_vec(plain, &mut bytes, FlushCompress::Sync).expect("compresses");
    assert!(bytes.ends_with(&TAIL), "all is flushed");
    bytes.truncate(bytes.len() - TAIL.len());
    bytes
}

fn inflate<'a>(
    inflater: &mut Decompress,
    payload: &[u8],
    inflated: &'a mut Vec<u8>,
    size: usize,
) -> &'a [u8] {
    inflater.reset(false);
    inflated.clear();
    inflated.reserve(size + 64);
    let whole = [payload, &TAIL].concat();
    // A message that is not compressed well is not the text.
    let _ = inflater.decompress_vec(&whole, inflated, FlushDecompress::Sync);
    inflated
}
