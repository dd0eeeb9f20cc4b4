//! Finds the end of an HTTP head.

const HEAD_END: &[u8] = b"\r\n\r\n";

/// Looks for the empty line, at each byte once however the head arrives.
#[derive(Debug)]
pub(crate) struct HeadFinder {
    searched: usize,
    max: usize,
}

/// Why a head is none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It is longer than allowed.
    TooLong,
    /// A line ends with LF alone, which RFC 9112 section 2.2 lets one refuse: who reads it otherwise than
    /// a proxy before him reads another request.
    BareLineFeed,
}

impl HeadFinder {
    /// Allows a head of `max` bytes.
    pub(crate) fn new(max: usize) -> Self {
        Self { searched: 0, max }
    }

    /// The length of the head at the front of `input`, or `None` if it is not whole yet.
    ///
    /// `input` begins with what it was at the call before.
    pub(crate) fn find(&mut self, input: &[u8]) -> Result<Option<usize>, Unfit> {
        let from = self.searched.saturating_sub(HEAD_END.len() - 1);
        let within = &input[..input.len().min(self.max)];
        let tail = within.get(from..).unwrap_or_default();
        let end = tail.windows(HEAD_END.len()).position(|window| window == HEAD_END);
        let lines = &tail[..end.map_or(tail.len(), |at| at + HEAD_END.len())];
        let is_bare =
            |at: usize| lines[at] == b'\n' && (from + at == 0 || within[from + at - 1] != b'\r');
        if (0..lines.len()).any(is_bare) {
            return Err(Unfit::BareLineFeed);
        }
        if let Some(at) = end {
            return Ok(Some(from + at + HEAD_END.len()));
        }
        self.searched = within.len();
        if input.len() >= self.max { Err(Unfit::TooLong) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_wherever_the_head_is_cut() {
        let input = b"GET / HTTP/1.1\r\nA: b\r\n\r\nrest";
        for cut in 0..input.len() {
            let mut finder = HeadFinder::new(100);
            let early = finder.find(&input[..cut]).unwrap();
            assert_eq!(early, (cut >= 24).then_some(24), "{cut}");
            assert_eq!(finder.find(input), Ok(Some(24)));
        }
    }

    #[test]
    fn a_head_longer_than_allowed_is_told_with_its_last_byte_allowed() {
        let mut finder = HeadFinder::new(8);
        assert_eq!(finder.find(b"1234567"), Ok(None));
        assert_eq!(finder.find(b"12345678"), Err(Unfit::TooLong));
        assert_eq!(HeadFinder::new(8).find(b"1234\r\n\r\n"), Ok(Some(8)));
    }

    #[test]
    fn a_line_feed_of_its_own_is_told_at_once() {
        for head in [&b"\n"[..], b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nA: b\n\r\n", b"a\r\n\n"] {
            assert_eq!(HeadFinder::new(100).find(head), Err(Unfit::BareLineFeed));
            let mut finder = HeadFinder::new(100);
            let last = (1..=head.len()).map(|len| finder.find(&head[..len])).find(|it| it.is_err());
            assert_eq!(last, Some(Err(Unfit::BareLineFeed)));
        }
        assert_eq!(HeadFinder::new(100).find(b"A\r\n\r\n\n"), Ok(Some(5)));
    }
}
