use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::adapter::{Opening, Registration, Remote};
use crate::announcer::Announcements;
use crate::endpoint::{NO_SOCKET_ADDR, ResourceId};
use crate::limits::Limits;
use crate::network::SendStatus;
use crate::poller::{Clock, LoopWaker, Readiness};
use crate::stream::{Decoded, Encoder, Item};

/// The socket to a peer that never ends what it says.
#[derive(Default)]
struct Flood {
    is_full: AtomicBool,
    read: AtomicUsize,
}

impl Stream for Arc<Flood> {
    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read.fetch_add(buffer.len(), Ordering::Relaxed);
        Ok(buffer.len())
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(buffers.iter().map(|buffer| buffer.len()).sum())
    }

    fn shutdown_write(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes are messages.
struct Plain;

impl Encoder for Plain {
    fn encode(&self, message: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(message);
    }
}

impl Protocol for Plain {
    type Encoder = Self;

    fn encoder(&self) -> Self {
        Self
    }

    fn open(&mut self, _: &mut Vec<u8>) -> bool {
        true
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        _: &mut Vec<u8>,
    ) -> Result<Decoded<'a>, CloseReason> {
        Ok(Decoded { consumed: input.len(), item: Item::Message(input) })
    }
}

/// Bytes read of a flooding peer after the end of the node, if its socket was full before or not.
fn read_at_stop(was_full: bool) -> usize {
    let waker = Arc::new(LoopWaker::new(None));
    let announcements = Arc::new(Announcements::new(waker, Clock::default()));
    let registration = Registration {
        registry: None,
        id: ResourceId::from(1),
        announcements: &announcements,
        is_provisional: false,
    };
    let readiness = Readiness::BOTH;
    let mut buffer = vec![0; 64 << 10];
    let mut io = Io {
        buffer: &mut buffer,
        budget: 1,
        readiness,
        half_received: 0,
        is_one_enough: false,
        registration,
    };

    let flood = Arc::new(Flood::default());
    let mut engine = Engine::accepted(Arc::clone(&flood), Plain, Limits::default());
    engine.register(&registration).unwrap();
    assert_eq!(engine.open(&mut io), Opening::Ready);
    flood.is_full.store(was_full, Ordering::Relaxed);
    assert_eq!(engine.sender().send(NO_SOCKET_ADDR, b"words"), SendStatus::Sent);
    flood.is_full.store(false, Ordering::Relaxed);
    assert_eq!(engine.flush(&registration), Ok(()));
    assert_eq!(engine.close(&mut io, &CloseReason::NodeStopped), Closing::Done);
    flood.read.load(Ordering::Relaxed)
}

#[test]
fn a_stopped_node_reads_more_of_a_peer_that_may_have_much_to_read() {
    assert_eq!(read_at_stop(false), MUCH_AT_STOP);
    assert_eq!(read_at_stop(true), MUCH);
}
