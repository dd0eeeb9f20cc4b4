//! Inflating one message, frame by frame.

use crate::close::{self, End};
use crate::deflate::contexts::Contexts;
use crate::deflate::inflater::{Garbage, Inflater};

/// The most that DEFLATE makes of a byte.
const MAX_RATIO: usize = 1032;

/// A message that becomes longer is counted before it is given memory, if it may become too long.
const COUNTED_FROM_BYTES: usize = 1 << 20;

/// A message of which less has come in fragments is kept as it is: an inflater takes 48 KB, and no peer
/// gets so much for one byte.
const INFLATED_FROM_BYTES: usize = 4096;

/// One message that is being inflated.
#[derive(Debug, Default)]
pub(crate) struct Inflation {
    /// Once some of it was inflated.
    inflater: Option<Inflater>,
    /// What came before.
    held: Vec<u8>,
    /// Compressed bytes of the message so far.
    taken: usize,
}

impl Inflation {
    /// Of a connection that has agreed to compress.
    pub(crate) fn new(_: &Contexts) -> Self {
        Self::default()
    }

    /// Compressed bytes of the message so far.
    pub(crate) fn taken(&self) -> usize {
        self.taken
    }

    /// Bytes of memory that the message takes beside what was made of it.
    pub(crate) fn kept(&self) -> usize {
        self.held.len() + if self.inflater.is_some() { Inflater::BYTES } else { 0 }
    }

    /// Appends to `output` what the next frame of the message makes, so that it has at most `max` bytes.
    ///
    /// A message of one frame takes no memory to find out that it is too long, beyond 1 MiB. One in fragments, of
    /// which the earlier ones are gone, takes up to `max` bytes.
    pub(crate) fn push(
        &mut self,
        payload: &[u8],
        last: bool,
        contexts: &Contexts,
        (output, max): (&mut Vec<u8>, usize),
    ) -> Result<(), End> {
        self.taken += payload.len();
        if self.inflater.is_none() && !last && self.taken < INFLATED_FROM_BYTES {
            self.held.extend_from_slice(payload);
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        let joined = if held.is_empty() { held } else { [&held, payload].concat() };
        let input = if joined.is_empty() { payload } else { &joined };
        let start = output.len();
        self.inflate(input, last, contexts, (output, max)).map_err(|fault| match fault {
            Fault::Garbage => close::invalid_deflate(),
            Fault::TooLong => close::too_large((max as u64).saturating_add(1), max),
        })?;
        contexts.received(&output[start..]);
        Ok(())
    }

    fn inflate(
        &mut self,
        input: &[u8],
        last: bool,
        contexts: &Contexts,
        (output, max): (&mut Vec<u8>, usize),
    ) -> Result<(), Fault> {
        let (until, is_whole) = (max.saturating_add(1), last && self.inflater.is_none());
        let mut inflater = self.inflater.take().unwrap_or_else(|| contexts.inflater());
        let mut rest = input;
        if is_whole && input.len().saturating_mul(MAX_RATIO) > max && max > COUNTED_FROM_BYTES {
            inflater.fill(&mut rest, output, COUNTED_FROM_BYTES)?;
            if output.len() == COUNTED_FROM_BYTES {
                let size = count(input, max, contexts)?;
                output.reserve_exact(size.saturating_sub(output.len()));
            }
        }
        inflater.fill(&mut rest, output, until)?;
        if output.len() > max {
            return Err(Fault::TooLong);
        }
        if last && self.taken > 0 {
            inflater.finish()?;
        }
        match last {
            true => {
                inflater.put_back();
                self.taken = 0;
            }
            false => self.inflater = Some(inflater),
        }
        Ok(())
    }
}

/// The length of a whole message, which is written nowhere.
fn count(input: &[u8], max: usize, contexts: &Contexts) -> Result<usize, Fault> {
    let mut inflater = contexts.inflater();
    let size = inflater.count(input, max)?;
    inflater.put_back();
    if size > max { Err(Fault::TooLong) } else { Ok(size) }
}

/// What is against a message.
enum Fault {
    Garbage,
    /// By how much is not known.
    TooLong,
}

impl From<Garbage> for Fault {
    fn from(_: Garbage) -> Self {
        Self::Garbage
    }
}
