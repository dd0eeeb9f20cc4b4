//! The one code that reads and writes a stream.
use std::{io, marker::PhantomData, sync::Arc};
use crate::{adapter::*, close_reason::CloseReason, limits::Limits, stream::{Protocol, Stream}};
/// A stream connection.
#[derive(Debug)]
pub struct Engine<S, P>(PhantomData<(S, P)>);
impl<S: Stream, P: Protocol> Engine<S, P> {
    /// A connection whose `socket` has begun to connect.
    pub fn connecting(socket: S, protocol: P, limits: Limits) -> Self { let _ = (socket, protocol, limits); todo!() }
    /// A connection just accepted.
    pub fn accepted(socket: S, protocol: P, limits: Limits) -> Self { let _ = (socket, protocol, limits); todo!() }
    /// Where to connect next when connecting fails: `next` gives another socket that has begun to connect, until `None`.
    #[must_use]
    pub fn with_fallback(self, next: impl FnMut() -> Option<io::Result<S>> + Send + 'static) -> Self { let _ = next; self }
}
impl<S: Stream, P: Protocol> Remote for Engine<S, P> {
    fn sender(&self) -> Arc<dyn Sender> { todo!() }
    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> { todo!() }
    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> { todo!() }
    fn open(&mut self, _: &mut Io<'_>) -> Opening { todo!() }
    fn receive(&mut self, _: &mut Io<'_>, _: &mut dyn Sink) -> Received { todo!() }
    fn flush(&mut self) -> Result<(), CloseReason> { todo!() }
    fn close(&mut self, _: &mut Io<'_>, _: &CloseReason) -> Closing { todo!() }
}
