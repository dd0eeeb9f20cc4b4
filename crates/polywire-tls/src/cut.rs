//! The record that has begun to arrive.

const HEADER_BYTES: usize = 5;

/// How much of a record there is, by the lengths that the headers tell.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    header: [u8; HEADER_BYTES],
    /// Bytes so far, the header's among them. 0 between two records.
    pub(crate) len: usize,
}

impl Cut {
    /// Goes on behind these bytes.
    pub(crate) fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let end = if self.len < HEADER_BYTES { HEADER_BYTES } else { self.whole() };
            let (front, rest) = bytes.split_at(bytes.len().min(end - self.len));
            if self.len < HEADER_BYTES {
                self.header[self.len..][..front.len()].copy_from_slice(front);
            }
            self.len += front.len();
            if self.len >= HEADER_BYTES && self.len == self.whole() {
                self.len = 0;
            }
            bytes = rest;
        }
    }

    fn whole(&self) -> usize {
        let [.., high, low] = self.header;
        HEADER_BYTES + usize::from(u16::from_be_bytes([high, low]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_of_a_record_is_known_wherever_the_input_is_cut() {
        let records =
            [&[23, 3, 3, 0, 0][..], &[22, 3, 3, 0, 1, 7], &[23, 3, 3, 1, 0], &[9; 256]].concat();
        let begins = [0, 5, 11, 272];
        for piece in 1..=records.len() {
            let (mut cut, mut passed) = (Cut::default(), 0);
            for bytes in records.chunks(piece) {
                cut.pass(bytes);
                passed += bytes.len();
                let begin = begins.into_iter().rfind(|begin| *begin <= passed);
                assert_eq!(Some(cut.len), begin.map(|begin| passed - begin), "{passed} by {piece}");
            }
        }
    }
}
