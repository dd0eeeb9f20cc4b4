//! Encoders whose frames are more than a header and the message.

use super::*;

/// How a frame is put together.
#[derive(Clone, Copy, Debug)]
enum Odd {
    Nothing,
    Trailer,
    HalfOnly,
    LongHeader,
    Twice,
    ChangedFirst,
    EmptyFirst,
}

impl Encoder for Odd {
    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        let bytes = message.bytes;
        match self {
            Self::Nothing => {}
            Self::Trailer => {
                frame.put(b"<");
                frame.put_message(bytes);
                frame.put(b">");
            }
            Self::HalfOnly => {
                frame.put(b"<");
                frame.put_message(&bytes[..bytes.len() / 2]);
            }
            Self::LongHeader => {
                frame.put(&[b'<'; 10]);
                frame.put(&[b'='; 10]);
                frame.put_message(bytes);
            }
            Self::Twice => {
                frame.put_message(bytes);
                frame.put_message(bytes);
            }
            Self::ChangedFirst => {
                frame.put_changed(bytes, |bytes| bytes.iter_mut().for_each(|byte| *byte ^= 1));
                frame.put_message(bytes);
            }
            Self::EmptyFirst => {
                frame.put(&[]);
                frame.put_message(&[]);
                frame.put(b"<");
                frame.put_message(bytes);
                frame.put_message(&[]);
            }
        }
    }
}

const ALL: [Odd; 7] = [
    Odd::Nothing,
    Odd::Trailer,
    Odd::HalfOnly,
    Odd::LongHeader,
    Odd::Twice,
    Odd::ChangedFirst,
    Odd::EmptyFirst,
];

/// What arrives of one message in that way, of three in a row, where the socket takes `room` bytes at first.
fn arrives(odd: Odd, len: usize, room: usize, is_owned: bool) -> (Vec<u8>, Vec<u8>) {
    let outbox = Outbox::new(odd, Limits::default().into());
    let pipe = Arc::new(Pipe::default());
    pipe.room.store(room, Ordering::Release);
    outbox.open(Arc::clone(&pipe)).unwrap();
    let (mut wanted, owned) = (Vec::new(), bytes::Bytes::from(vec![b'a'; len]));
    for _ in 0..3 {
        let message = Message::binary(&owned);
        odd.encode(message, &mut wanted);
        let status = match is_owned {
            true => outbox.send_owned(message, &owned),
            false => outbox.send_bytes(&owned, false),
        };
        assert_eq!(status, SendStatus::Sent);
    }
    pipe.make_room();
    outbox.flush().unwrap();
    assert!(outbox.is_drained());
    let taken = lock(&pipe.taken).clone();
    (taken, wanted)
}

#[test]
fn whatever_an_encoder_puts_arrives_written_or_queued_owned_or_not() {
    for odd in ALL {
        for len in [0, 1, 5000, 200_000] {
            for room in [0, 1, 11, len / 2 + 1, len + 3, usize::MAX] {
                for is_owned in [false, true] {
                    let (taken, wanted) = arrives(odd, len, room, is_owned);
                    assert!(taken == wanted, "{odd:?} {len} {room} {is_owned}: {}", taken.len());
                }
            }
        }
    }
}
