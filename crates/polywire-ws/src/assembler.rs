//! Puts fragmented messages together (RFC 6455 section 5.4).

use std::cell::Cell;
use std::str;
use std::thread_local;

use crate::close::{End, invalid_text};
use crate::deflate::contexts::Contexts;
use crate::deflate::inflation::Inflation;
use crate::mask;

/// The buffer grows by as much as it holds, within these bounds.
const MIN_GROWTH_BYTES: usize = 512;
const MAX_GROWTH_BYTES: usize = 1 << 20;

/// The fragments of one message, received so far.
///
/// Its memory is bounded by what has been received: a fragment is added when it is there in whole.
#[derive(Debug)]
pub(crate) struct Assembler {
    buffer: Vec<u8>,
    /// How far the text was found to be UTF-8; `None` for a binary message.
    checked: Option<usize>,
    fragments: usize,
    finished: bool,
    /// Of a compressed message.
    inflation: Option<Inflation>,
}

/// Memory for messages that a thread keeps at most.
const MAX_SPARE_BYTES: usize = 128 << 10;

thread_local! {
    /// Memory of a message that was delivered. A thread that ends has none any more.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Assembler {
    /// Begins a message, a compressed one with what inflates it.
    pub(crate) fn new(text: bool, inflation: Option<Inflation>) -> Self {
        let checked = text.then_some(0);
        Self { buffer: Vec::new(), checked, fragments: 0, finished: false, inflation }
    }

    /// The program has seen the message: the thread may use its memory again.
    pub(crate) fn give_back(mut self) {
        if self.buffer.capacity() <= MAX_SPARE_BYTES {
            self.buffer.clear();
            let _ = SPARE.try_with(|spare| spare.set(self.buffer));
        }
    }

    /// Whether the message's last fragment has not come.
    pub(crate) fn is_open(&self) -> bool {
        !self.finished
    }

    /// Whether it is a text message.
    pub(crate) fn is_text(&self) -> bool {
        self.checked.is_some()
    }

    /// Whether it is a compressed message.
    pub(crate) fn is_compressed(&self) -> bool {
        self.inflation.is_some()
    }

    /// Bytes received of the message so far, compressed if it is.
    pub(crate) fn received(&self) -> usize {
        self.inflation.as_ref().map_or(self.buffer.len(), Inflation::taken)
    }

    /// Bytes kept of the message so far.
    pub(crate) fn kept(&self) -> usize {
        self.buffer.len() + self.inflation.as_ref().map_or(0, Inflation::kept)
    }

    /// Fragments of the message so far, empty ones included.
    pub(crate) fn fragments(&self) -> usize {
        self.fragments
    }

    /// Adds a fragment to the message. Where it is compressed, it is inflated by the contexts in `deflate`, up to
    /// the number of bytes beside them.
    pub(crate) fn push(
        &mut self,
        payload: &mut [u8],
        key: Option<[u8; 4]>,
        last: bool,
        deflate: Option<(&Contexts, usize)>,
    ) -> Result<(), End> {
        self.fragments += 1;
        match (&mut self.inflation, deflate) {
            (Some(inflation), Some((contexts, max))) => {
                if let Some(key) = key {
                    mask::apply(payload, key);
                }
                // Not for a beginning: its rest may never come, and the memory would count for nobody.
                if last && self.buffer.capacity() == 0 {
                    self.buffer = SPARE.try_with(Cell::take).unwrap_or_default();
                }
                inflation.push(payload, last, contexts, (&mut self.buffer, max))?;
                if !last {
                    self.shrink();
                }
            }
            _ => self.append(payload, key),
        }
        if let Some(checked) = &mut self.checked {
            *checked += check_text(&self.buffer[*checked..], last)?;
        }
        Ok(())
    }

    /// Gives back room beyond what the buffer may grow by: it was for what a fragment might have made.
    fn shrink(&mut self) {
        let len = self.buffer.len();
        let room = len.clamp(MIN_GROWTH_BYTES, MAX_GROWTH_BYTES);
        if self.buffer.capacity() - len > room {
            self.buffer.shrink_to(len + room);
        }
    }

    fn append(&mut self, payload: &[u8], key: Option<[u8; 4]>) {
        let start = self.buffer.len();
        if self.buffer.capacity() - start < payload.len() {
            let step = start.clamp(MIN_GROWTH_BYTES, MAX_GROWTH_BYTES);
            self.buffer.reserve_exact(payload.len().max(step));
        }
        self.buffer.extend_from_slice(payload);
        if let Some(key) = key {
            mask::apply(&mut self.buffer[start..], key);
        }
    }

    /// Ends the message and hands it out.
    pub(crate) fn finish(&mut self) -> &[u8] {
        self.finished = true;
        &self.buffer
    }
}

/// How many bytes of `text` are whole characters. A character may be cut by the end of a fragment,
/// but not by the end of the message.
fn check_text(text: &[u8], last: bool) -> Result<usize, End> {
    match str::from_utf8(text) {
        Ok(text) => Ok(text.len()),
        Err(error) if error.error_len().is_none() && !last => Ok(error.valid_up_to()),
        Err(_) => Err(invalid_text()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_is_bounded(assembler: &Assembler) {
        let (capacity, len) = (assembler.buffer.capacity(), assembler.buffer.len());
        let room = MIN_GROWTH_BYTES.max(len.min(MAX_GROWTH_BYTES));
        assert!(capacity <= len + room, "{capacity} for {len}");
    }

    #[test]
    fn memory_is_bounded_by_what_was_received() {
        let mut assembler = Assembler::new(false, None);
        for fragment in [0, 1, 1, 600, 5, 70_000, 3, 2_000_000, 1, 1] {
            assembler.push(&mut vec![7; fragment], None, false, None).unwrap();
            assert_is_bounded(&assembler);
        }
        assert_eq!(assembler.finish().len(), 2_070_612);
        assert!(!assembler.is_open());
    }

    #[test]
    fn empty_fragments_are_counted_and_take_no_memory() {
        let mut assembler = Assembler::new(true, None);
        for _ in 0..1000 {
            assembler.push(&mut [], None, false, None).unwrap();
        }
        assert_eq!(assembler.fragments(), 1000);
        assert!(assembler.buffer.capacity() <= MIN_GROWTH_BYTES);
    }

    /// A block of DEFLATE that is not compressed (RFC 1951 section 3.2.4).
    #[cfg(feature = "deflate")]
    fn stored(bytes: &[u8]) -> Vec<u8> {
        let len = u16::try_from(bytes.len()).unwrap();
        [&[0], &len.to_le_bytes()[..], &(!len).to_le_bytes(), bytes].concat()
    }

    #[cfg(feature = "deflate")]
    #[test]
    fn memory_of_a_compressed_message_is_bounded_by_what_was_received() {
        use crate::deflate::Deflate;
        use crate::deflate::agreed::{Agreed, Direction};

        let direction = Direction { takeover: false, window_bits: 15 };
        let agreed = Agreed { sent: direction, received: direction };
        let contexts = Contexts::new(&Deflate::default(), &agreed);
        let push = |assembler: &mut Assembler, mut payload: Vec<u8>, last| {
            assembler.push(&mut payload, None, last, Some((&contexts, 1 << 20))).unwrap();
        };
        let begin = || Assembler::new(false, Some(Inflation::new(&contexts)));
        // The thread keeps the memory of a long message, which is not for a short beginning of the next one.
        let mut delivered = begin();
        push(&mut delivered, [stored(&[7; 50_000]).repeat(2), vec![0]].concat(), true);
        assert_eq!(delivered.finish().len(), 100_000);
        delivered.give_back();
        let mut begun = begin();
        push(&mut begun, vec![0], false);
        assert_is_bounded(&begun);
        // Nor does much that makes nothing get memory for what it might make.
        let mut idle = begin();
        push(&mut idle, stored(&[]).repeat(4000), false);
        assert_is_bounded(&idle);
        for len in [1, 600, 5, 50_000, 3] {
            push(&mut idle, stored(&vec![7; len]), false);
            assert_is_bounded(&idle);
        }
        push(&mut idle, vec![0], true);
        assert_eq!(idle.finish(), vec![7; 50_609]);
    }
}
