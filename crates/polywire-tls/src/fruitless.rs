//! Records that bring the program nothing.

/// Bytes of them in a row, at most. A ticket of that length still fits into the hello that offers it, which has 64 KiB,
/// and nothing else that comes behind the handshake is long.
const MAX_BYTES: usize = 32 << 10;
/// Fewer are nothing unusual, and may be left behind: key updates, empty records.
const UNUSUAL_BYTES: usize = 16 << 10;

/// Bytes of whole records since the last that brought something. rustls puts messages of the handshake together out of
/// them, and tells neither that it has begun nor how much it holds.
#[derive(Debug, Default)]
pub(crate) struct Fruitless(usize);

impl Fruitless {
    /// Records of `bytes` bytes in all were opened.
    pub(crate) fn pass(&mut self, bytes: usize, brought_something: bool) {
        self.0 = if brought_something { 0 } else { self.0 + bytes };
    }

    /// Whether no honest peer sends that much.
    pub(crate) fn is_too_much(&self) -> bool {
        self.0 > MAX_BYTES
    }

    /// What is probably held of a message that is not whole.
    pub(crate) fn half_read(&self) -> usize {
        if self.0 > UNUSUAL_BYTES { self.0 } else { 0 }
    }
}
