//! Compressors, which threads keep and connections share.

use std::cell::Cell;
use std::thread_local;

use zlib_rs::{Deflate, DeflateConfig, DeflateFlush};

use crate::frame::MAX_HEADER_BYTES;

/// What a flushed stream ends with, and a message leaves out (RFC 7692 section 7.2.1).
pub(super) const FLUSHED: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Compressors that a thread keeps, for as many window sizes, or connections with context takeover.
const MAX_SPARE: usize = 4;

/// Memory for a compressed message that is kept with a compressor at most.
const MAX_SPARE_BYTES: usize = 128 << 10;

thread_local! {
    /// The compressors of this thread, the one used last in front. A thread that ends has none any more.
    static SPARE: Cell<Vec<Deflater>> = const { Cell::new(Vec::new()) };
}

/// What tells compressors from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) level: u8,
    pub(super) window_bits: u8,
}

/// A place in what one connection sends, where messages refer to those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) connection: u64,
    /// Messages compressed before.
    pub(super) messages: u64,
}

/// A compressor.
pub(super) struct Deflater {
    parameters: Parameters,
    zlib: Deflate,
    /// Where it can go on without looking at the messages before.
    place: Option<Place>,
    /// Bytes that any message may overwrite.
    output: Vec<u8>,
}

/// Runs `act` with a compressor of this thread: that of the connection at `place`, if it is still there.
pub(super) fn with<R>(
    parameters: Parameters,
    place: Option<Place>,
    act: impl FnOnce(&mut Deflater) -> R,
) -> R {
    let mut spare = SPARE.try_with(Cell::take).unwrap_or_default();
    let connection = |place: Option<Place>| place.map(|place| place.connection);
    let fits = |one: &Deflater| one.parameters == parameters;
    let is_it = |one: &Deflater| fits(one) && connection(one.place) == connection(place);
    let found = spare.iter().position(is_it);
    let found = found.or_else(|| spare.iter().rposition(fits).filter(|_| spare.len() == MAX_SPARE));
    match found {
        Some(at) => spare[..=at].rotate_right(1),
        None => {
            spare.truncate(MAX_SPARE - 1);
            spare.insert(0, Deflater::new(parameters));
        }
    }
    let deflater = &mut spare[0];
    let result = act(deflater);
    if deflater.output.capacity() > MAX_SPARE_BYTES {
        deflater.output = Vec::new();
    }
    let _ = SPARE.try_with(|kept| kept.set(spare));
    result
}

impl Deflater {
    fn new(parameters: Parameters) -> Self {
        let config = DeflateConfig {
            level: i32::from(parameters.level),
            // A negative number stands for DEFLATE without a header.
            window_bits: -i32::from(parameters.window_bits),
            ..DeflateConfig::default()
        };
        let (zlib, output) = (Deflate::new_with_config(config), Vec::new());
        Self { parameters, zlib, place: None, output }
    }

    /// The message compressed, behind others of which the last bytes are `history`, and with room for the header of
    /// a frame in front. `None` if it would not be shorter.
    pub(super) fn compress(
        &mut self,
        history: &[u8],
        place: Option<Place>,
        message: &[u8],
    ) -> Option<&mut [u8]> {
        // Until it is known to be there.
        let was_at = self.place.take();
        if place.is_none() || was_at != place {
            self.zlib.reset();
            if !history.is_empty() {
                self.zlib.set_dictionary(history).ok()?;
            }
        }
        let room = message.len() + FLUSHED.len();
        let end = MAX_HEADER_BYTES + room;
        if self.output.len() < end {
            self.output.resize(end, 0);
        }
        let (output, before) = (&mut self.output[MAX_HEADER_BYTES..end], self.zlib.total_out());
        self.zlib.compress(message, output, DeflateFlush::SyncFlush).ok()?;
        let written = (self.zlib.total_out() - before) as usize;
        if written == room {
            // It may have more to say.
            self.drain();
            return None;
        }
        let flushed = self.output[MAX_HEADER_BYTES..end].get(..written)?;
        let len = flushed.strip_suffix(&FLUSHED)?.len();
        self.place = place.map(|place| Place { messages: place.messages + 1, ..place });
        tracing::trace!(from = message.len(), to = len, "compressed a message");
        Some(&mut self.output[..MAX_HEADER_BYTES + len])
    }

    /// Throws away what zlib-rs has not written yet. Its `reset` forgets that, but not where in its buffer that begins
    /// (0.6.8, `Pending::reset_keep`): after many such messages the buffer has no end left, which it panics at.
    #[cold]
    fn drain(&mut self) {
        // In less than a flush takes it would be flushed without end.
        let mut scratch = [0; 512];
        loop {
            let before = self.zlib.total_out();
            let result = self.zlib.compress(&[], &mut scratch, DeflateFlush::SyncFlush);
            if result.is_err() || self.zlib.total_out() - before < scratch.len() as u64 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compress(level: u8, bits: u8, history: &[u8], message: &[u8]) -> Option<Vec<u8>> {
        let parameters = Parameters { level, window_bits: bits };
        let compress = |it: &mut Deflater| {
            it.compress(history, None, message).map(|it| it[MAX_HEADER_BYTES..].to_vec())
        };
        with(parameters, None, compress)
    }

    /// Bytes that have no likeness with each other.
    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        std::iter::repeat_with(next).take(len).collect()
    }

    #[test]
    fn messages_refer_back_as_far_as_the_window_reaches_and_no_farther() {
        let part = noise(100);
        for (level, bits) in (1..=9).flat_map(|level| (9..=15).map(move |bits| (level, bits))) {
            let len = |distance: usize| {
                let message = [&part[..], &vec![0; distance - part.len()], &part].concat();
                compress(level, bits, &[], &message).unwrap().len()
            };
            // A compressor looks ahead by 262 bytes, which are part of its window.
            let (inside, outside) = (len((1 << bits) - 262), len((1 << bits) + 1));
            assert!(outside > inside + 70, "level {level}, {bits} bits: {inside}, {outside}");
        }
    }

    #[test]
    fn a_message_that_would_not_get_shorter_is_left_alone() {
        assert_eq!(compress(6, 15, &[], &noise(1000)), None);
        assert_eq!(compress(1, 9, &[], &noise(100_000)), None);
        assert_eq!(compress(6, 15, &[], b""), None);
        assert_eq!(compress(6, 15, &[], b"a"), None);
        let message = noise(1000);
        let again = compress(6, 15, &message, &message).unwrap();
        assert!(again.len() < 30, "{} bytes of one that came before", again.len());
    }

    #[test]
    fn messages_that_get_no_shorter_may_follow_each_other_for_long() {
        for (level, len) in (1..=9).flat_map(|level| [0, 1, 100, 300, 5000].map(|len| (level, len)))
        {
            for _ in 0..200_000 / len.max(10) {
                assert_eq!(compress(level, 15, &[], &noise(len)), None, "level {level}, {len}");
            }
        }
        let message = [7; 1000];
        assert!(compress(1, 15, &[], &message).unwrap().len() < 50);
    }

    #[test]
    fn a_connection_that_goes_on_has_its_messages_read_once() {
        let parameters = Parameters { level: 1, window_bits: 15 };
        let message = [&noise(1000)[..], &[0; 500]].concat();
        let mut history = Vec::new();
        // One connection alone, and such as take turns: as many as there are compressors, or more.
        for turns in [1, 2, MAX_SPARE as u64, MAX_SPARE as u64 + 1] {
            for messages in 0..4_u64 {
                for connection in 0..turns {
                    let place = Some(Place { connection, messages });
                    let len = with(parameters, place, |it| {
                        let goes_on = it.place == place;
                        assert_eq!(goes_on, messages > 0 && turns <= MAX_SPARE as u64);
                        it.compress(&history, place, &message).map(|it| it.len() - MAX_HEADER_BYTES)
                    });
                    assert_eq!(len.unwrap() < 60, !history.is_empty(), "{len:?}");
                }
                history.clone_from(&message);
            }
            history.clear();
            SPARE.take();
        }
    }

    #[test]
    fn a_thread_keeps_few_compressors_and_little_memory() {
        for bits in 9..=15 {
            assert!(compress(1, bits, &[], &vec![7; 1 << 20]).is_some());
            assert!(compress(2, bits, &[], &[7; 1000]).is_some());
        }
        let spare = SPARE.take();
        assert!(spare.len() <= MAX_SPARE);
        assert!(spare.iter().all(|one| one.output.capacity() <= MAX_SPARE_BYTES));
    }
}
