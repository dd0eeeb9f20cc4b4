//! What a protocol learns of its stream.

use std::any::TypeId;
use std::io::{self, IoSlice};
use std::sync::Mutex;

use bytes::Bytes;

use super::*;
use crate::adapter::{Flow, Info, Registration};

/// Knows a number and a text, and keeps what is written.
#[derive(Default)]
struct Knowing {
    written: Mutex<Vec<u8>>,
}

fn peer() -> SocketAddr {
    ([192, 0, 2, 1], 80).into()
}

impl Stream for Arc<Knowing> {
    const SHORT_READ_DRAINS: bool = true;

    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer[0] = b'x';
        Ok(1)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut written = self.written.lock().unwrap();
        buffers.iter().for_each(|buffer| written.extend_from_slice(buffer));
        Ok(buffers.iter().map(|buffer| buffer.len()).sum())
    }

    fn info(&self, type_id: TypeId) -> Option<Info> {
        self.facts().into_iter().find(|fact| (**fact).type_id() == type_id)
    }

    fn facts(&self) -> Vec<Info> {
        vec![Arc::new(7_u32), Arc::new("text")]
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        Some(peer())
    }

    fn shutdown_write(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Ready after a byte, and ends with the next one.
#[derive(Default)]
struct Asking {
    decoded: usize,
}

fn knows_all(cx: &Context<'_>) -> bool {
    cx.peer_addr() == Some(peer())
        && cx.info::<u32>().as_deref() == Some(&7)
        && cx.info::<u8>().is_none()
        && cx.facts().len() == 2
}

fn knows_nothing(cx: &Context<'_>) -> bool {
    cx.peer_addr().is_none() && cx.info::<u32>().is_none() && cx.facts().is_empty()
}

impl Protocol for Asking {
    type Encoder = Whole;

    fn encoder(&self) -> Whole {
        Whole
    }

    fn open(&mut self, cx: &mut Context<'_>) -> bool {
        assert!(knows_all(cx));
        false
    }

    fn decode<'a>(
        &'a mut self,
        _: &'a mut [u8],
        cx: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        self.decoded += 1;
        if self.decoded == 1 {
            assert!(knows_all(cx));
            return Ok(Decoded { consumed: 1, item: Item::Ready });
        }
        assert!(knows_nothing(cx));
        cx.out.extend_from_slice(b"head ");
        Err(CloseReason::Answered)
    }

    fn last_words(&mut self) -> Bytes {
        Bytes::from_static(b"body")
    }
}

struct Nobody;

impl Sink for Nobody {
    fn message(&mut self, _: Message<'_>, _: bool) -> Flow {
        Flow::Stop
    }

    fn accept(&mut self, _: crate::adapter::Connection) -> Flow {
        Flow::Stop
    }
}

#[test]
fn a_protocol_knows_its_stream_while_it_shakes_hands_and_has_the_last_words() {
    let stream = Arc::<Knowing>::default();
    let mut engine = Engine::accepted(Arc::clone(&stream), Asking::default(), Limits::default());
    with_io(64 << 10, 64 << 10, |io| {
        engine.register(io).unwrap();
        assert_eq!(engine.open(io), Opening::Ready);
        let received = engine.receive(io, &mut Nobody);
        assert_eq!(received, Received::Ended(CloseReason::Answered));
        engine.close(io, &CloseReason::Answered);
        engine.close(io, &CloseReason::Answered);
    });
    assert_eq!(*stream.written.lock().unwrap(), b"head body");
    assert!(knows_nothing(&Context::new(&mut Vec::new())));
}
