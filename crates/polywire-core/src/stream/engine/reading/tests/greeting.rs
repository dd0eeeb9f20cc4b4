//! Handshakes over a layer that has something to say itself.

use super::*;

/// A protocol whose handshake takes two bytes.
struct Greeted;

impl Protocol for Greeted {
    type Encoder = Sized;

    fn encoder(&self) -> Sized {
        Sized(1)
    }

    fn open(&mut self, _: &mut Context<'_>) -> bool {
        false
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        _: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        Ok(match input.len() {
            1 => Decoded { consumed: 0, item: Item::Incomplete { needed: 2 } },
            _ => Decoded { consumed: 2, item: Item::Ready },
        })
    }
}

/// A layer that has read one byte, confirms what it reads, and reads no more before.
#[derive(Default)]
struct Confirming {
    has_read: AtomicBool,
    is_confirmed: AtomicBool,
}

impl Stream for Arc<Confirming> {
    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.has_read.swap(true, Ordering::Relaxed) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        (&b"h"[..]).read(buffer)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(buffers.iter().map(|buffer| buffer.len()).sum())
    }

    fn flush(&self) -> io::Result<()> {
        self.is_confirmed.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn wants_write(&self) -> bool {
        self.has_read.load(Ordering::Relaxed) && !self.is_confirmed.load(Ordering::Relaxed)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_a_layer_has_to_say_about_half_a_handshake_is_said_at_once() {
    let layer = Arc::new(Confirming::default());
    let mut engine = Engine::accepted(Arc::clone(&layer), Greeted, Limits::default());
    with_io(64, 64, |io| {
        engine.register(io).unwrap();
        assert_eq!(engine.open(io), Opening::Handshaking);
    });
    assert!(layer.is_confirmed.load(Ordering::Relaxed), "the peer may wait for it");
}
