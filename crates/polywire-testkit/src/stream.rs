//! Fake stream sockets, as the engine holds them.

use std::io::{self, IoSlice};

use polywire_core::adapter::Registration;
use polywire_core::stream::{Establishing, Stream};

use crate::calls::Call;
use crate::world::World;

/// A fake stream socket, as the engine holds it.
#[derive(Debug)]
pub struct SimStream<const SHORT_READ_DRAINS: bool> {
    pub(super) world: World,
    pub(super) index: usize,
}

impl<const SHORT_READ_DRAINS: bool> Stream for SimStream<SHORT_READ_DRAINS> {
    const SHORT_READ_DRAINS: bool = SHORT_READ_DRAINS;
    const SHORT_WRITE_FILLS: bool = SHORT_READ_DRAINS;

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        let mut state = self.world.lock();
        state.calls.make(Call::Register)?;
        state.sockets[self.index].token = Some(registration.resource_id().raw());
        Ok(())
    }

    fn deregister(&mut self, _registration: &Registration<'_>) -> io::Result<()> {
        self.world.lock().sockets[self.index].token = None;
        Ok(())
    }

    fn establish(&self, so_far: Establishing) -> io::Result<Establishing> {
        if so_far != Establishing::Connecting {
            return Ok(Establishing::Established);
        }
        let mut state = self.world.lock();
        state.calls.make(Call::Connected)?;
        let socket = &state.sockets[self.index];
        if socket.reset {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        Ok(match socket.connected {
            true => Establishing::Established,
            false => Establishing::Connecting,
        })
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.world.lock().read(self.index, buffer, SHORT_READ_DRAINS)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.world.lock().write(self.index, buffers)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        let mut state = self.world.lock();
        state.calls.make(Call::Shutdown)?;
        state.end_writing(self.index);
        Ok(())
    }
}

impl<const SHORT_READ_DRAINS: bool> Drop for SimStream<SHORT_READ_DRAINS> {
    fn drop(&mut self) {
        self.world.lock().close(self.index);
    }
}
