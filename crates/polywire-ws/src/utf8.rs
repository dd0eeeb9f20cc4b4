//! Whether bytes are text; also where it comes in pieces, which may cut characters.

use std::str;

/// Whether it is UTF-8.
///
/// Mostly it is ASCII, and to find that takes a fifth of the time: std's check of short texts goes byte by byte up
/// to the first whole word and from the last one on.
#[inline(never)] // Not in the way of binary messages.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    bytes.is_ascii() || str::from_utf8(bytes).is_ok()
}

/// The front of a character whose rest has not come: three bytes at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Utf8 {
    cut: [u8; 4],
    len: usize,
}

impl Utf8 {
    /// Takes the next piece of a text. False if it can't be one, whatever follows; or does not end with a whole
    /// character where it is the last.
    #[must_use]
    pub(crate) fn push(&mut self, piece: &[u8], is_last: bool) -> bool {
        let Some(rest) = self.complete(piece) else { return false };
        match str::from_utf8(rest) {
            Ok(_) => {}
            Err(error) if error.error_len().is_none() => self.keep(&rest[error.valid_up_to()..]),
            Err(_) => return false,
        }
        !is_last || self.len == 0
    }

    /// Adds what a cut character lacks, and returns what is behind it; `None` if the two do not fit.
    fn complete<'a>(&mut self, piece: &'a [u8]) -> Option<&'a [u8]> {
        let mut rest = piece;
        while let (true, [byte, behind @ ..]) = (self.len > 0, rest) {
            self.cut[self.len] = *byte;
            self.len += 1;
            rest = behind;
            match str::from_utf8(&self.cut[..self.len]) {
                Ok(_) => self.len = 0,
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return None,
            }
        }
        Some(rest)
    }

    fn keep(&mut self, cut: &[u8]) {
        self.cut[..cut.len()].copy_from_slice(cut);
        self.len = cut.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are_text(pieces: &[&[u8]]) -> bool {
        let mut text = Utf8::default();
        let last = pieces.len() - 1;
        pieces.iter().enumerate().all(|(at, piece)| text.push(piece, at == last))
    }

    #[test]
    fn a_text_may_be_cut_anywhere() {
        let text = "aκόσμε 🦀 \u{7ff}\u{800}\u{ffff}\u{10ffff}".as_bytes();
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                assert!(are_text(&pieces), "cut at {first} and {second}");
            }
        }
        let bytes: Vec<_> = text.chunks(1).collect();
        assert!(are_text(&bytes));
    }

    #[test]
    fn what_is_no_text_is_found_wherever_it_is_cut() {
        for wrong in [
            &b"a\xff"[..],
            b"\xc0\x80",
            b"\xe0\x80\x80",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"\xf0\x9f\xa6",
            b"\xe2\x82a",
            b"\x80",
        ] {
            for cut in 0..=wrong.len() {
                assert!(!are_text(&[&wrong[..cut], &wrong[cut..]]), "{wrong:x?} cut at {cut}");
            }
        }
    }
}
