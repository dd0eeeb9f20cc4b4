//! Messages that tell who sent them, which they are and whether they are whole.

use std::thread;

use crate::common::*;

/// Length (16 bits), sender (16 bits) and number (32 bits), in front of a body that both ends know.
const HEADER: usize = 8;
pub(crate) const LONGEST: usize = 40_000;
/// Bodies begin at one of so many places of the pattern.
const PLACES: usize = 509;

/// How long the letters of somebody are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Length {
    /// From 8 to 200 bytes.
    Short,
    /// 40 kB.
    Long,
}

impl Length {
    fn of(self, sender: u32, number: u32) -> usize {
        match self {
            Self::Short => HEADER + (number as usize * 37 + sender as usize * 101) % 193,
            Self::Long => LONGEST,
        }
    }
}

/// Writes letters, and reads them.
pub(crate) struct Pen {
    length: Length,
    pattern: Vec<u8>,
}

impl Pen {
    pub(crate) fn new(length: Length) -> Self {
        Self { length, pattern: noise(7, LONGEST + PLACES) }
    }

    fn body(&self, sender: u32, number: u32) -> &[u8] {
        let start = (sender as usize * 31 + number as usize) % PLACES;
        &self.pattern[start..start + self.length.of(sender, number) - HEADER]
    }

    pub(crate) fn write(&self, sender: u32, number: u32, letter: &mut Vec<u8>) {
        letter.clear();
        letter.extend_from_slice(&(self.length.of(sender, number) as u16).to_be_bytes());
        letter.extend_from_slice(&(sender as u16).to_be_bytes());
        letter.extend_from_slice(&number.to_be_bytes());
        letter.extend_from_slice(self.body(sender, number));
    }

    /// The sender and the number of a letter that is whole.
    pub(crate) fn read(&self, letter: &[u8]) -> (u32, u32) {
        let ([l0, l1, s0, s1, rest @ ..], body) = letter.split_first_chunk::<HEADER>().unwrap();
        let sender = u32::from(u16::from_be_bytes([*s0, *s1]));
        let number = u32::from_be_bytes(*rest);
        assert_eq!(usize::from(u16::from_be_bytes([*l0, *l1])), letter.len(), "not as announced");
        assert_eq!(self.length.of(sender, number), letter.len(), "letter {number} of {sender}");
        assert!(body == self.body(sender, number), "letter {number} of {sender} is not whole");
        (sender, number)
    }
}

/// Takes what arrives on a stream apart, and checks the order of each sender.
pub(crate) struct Reader {
    pen: Pen,
    /// The number of the next letter of each sender.
    next: Vec<u32>,
    count: u32,
    /// The front of a letter that a byte stream has cut.
    cut: Vec<u8>,
}

impl Reader {
    pub(crate) fn new(length: Length, senders: u32, count: u32) -> Self {
        Self { pen: Pen::new(length), next: vec![0; senders as usize], count, cut: Vec::new() }
    }

    pub(crate) fn take(&mut self, transport: Transport, message: &[u8]) {
        if transport.is_packet_based() {
            return self.letter(message);
        }
        let mut bytes = std::mem::take(&mut self.cut);
        bytes.extend_from_slice(message);
        let mut rest = &bytes[..];
        while let Some((len, _)) = rest.split_first_chunk::<2>() {
            let len = usize::from(u16::from_be_bytes(*len));
            assert!((HEADER..=LONGEST).contains(&len), "torn: a letter of {len} bytes");
            let Some((letter, behind)) = rest.split_at_checked(len) else { break };
            self.letter(letter);
            rest = behind;
        }
        self.cut = rest.to_vec();
    }

    fn letter(&mut self, letter: &[u8]) {
        let (sender, number) = self.pen.read(letter);
        let next = &mut self.next[sender as usize];
        assert_eq!(number, *next, "not in the order of sender {sender}");
        *next += 1;
    }

    /// All has come, and nothing else.
    pub(crate) fn assert_complete(&self) {
        assert!(self.next.iter().all(|next| *next == self.count), "{:?}", self.next);
        assert!(self.cut.is_empty(), "more came than was sent");
    }
}

/// So many threads send so many letters each to `to`.
pub(crate) fn send_all(handler: &Handler, to: Endpoint, length: Length, senders: u32, count: u32) {
    thread::scope(|scope| {
        for sender in 0..senders {
            scope.spawn(move || {
                let (pen, mut letter) = (Pen::new(length), Vec::new());
                for number in 0..count {
                    pen.write(sender, number, &mut letter);
                    let status = handler.network().send(to, &letter);
                    let reason = || handler.network().close_reason(to);
                    assert_eq!(status, SendStatus::Sent, "letter {number}: {:?}", reason());
                }
            });
        }
    });
}
