//! Streams over streams.

use std::io;
use std::sync::Arc;

use crate::adapter::Accepted;
use crate::address::RemoteAddr;
use crate::stream::Stream;

/// Makes a stream of a stream: TLS, a proxy's header, a cipher. A value that carries its own configuration,
/// given to a transport beside its own; one serves all connections of a listener.
///
/// See [`Stream`] for what a stream over another one has to keep to, [`Stream::establish`] above all: it calls that
/// of the stream underneath first.
pub trait Layer<S: Stream>: Send + Sync + 'static {
    /// What it makes of an `S`.
    type Stream: Stream;

    /// Puts the layer over a stream that has begun to connect to `addr`, as the program wrote it: a name is
    /// what a certificate is checked against. Called for each address that is tried. No byte is sent yet:
    /// that is for [`Stream::establish`], once the stream underneath is connected.
    ///
    /// # Errors
    ///
    /// Told to the caller of `connect`; from the second address on it is the connection's reason to fail.
    fn connect(&self, stream: S, addr: &RemoteAddr) -> io::Result<Self::Stream>;

    /// Puts the layer over a stream just accepted.
    ///
    /// # Errors
    ///
    /// The connection is closed.
    fn accept(&self, stream: S, accepted: &Accepted) -> io::Result<Self::Stream>;
}

/// Leaves a stream as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NoLayer;

impl<S: Stream> Layer<S> for NoLayer {
    type Stream = S;

    fn connect(&self, stream: S, _: &RemoteAddr) -> io::Result<S> {
        Ok(stream)
    }

    fn accept(&self, stream: S, _: &Accepted) -> io::Result<S> {
        Ok(stream)
    }
}

/// A layer that several connections share.
impl<S: Stream, L: Layer<S>> Layer<S> for Arc<L> {
    type Stream = L::Stream;

    fn connect(&self, stream: S, addr: &RemoteAddr) -> io::Result<L::Stream> {
        (**self).connect(stream, addr)
    }

    fn accept(&self, stream: S, accepted: &Accepted) -> io::Result<L::Stream> {
        (**self).accept(stream, accepted)
    }
}

/// Two layers, the first one next to the socket: `(proxy, tls)` reads the header of a proxy and then speaks TLS.
/// Pairs of pairs stack more.
///
/// ```
/// use polywire_core::stream::{Layer, NoLayer, Stream};
///
/// fn is_layer<S: Stream>(_: impl Layer<S>) {}
///
/// fn stack<S: Stream>() {
///     is_layer::<S>(((NoLayer, NoLayer), NoLayer));
/// }
/// ```
impl<S: Stream, A: Layer<S>, B: Layer<A::Stream>> Layer<S> for (A, B) {
    type Stream = B::Stream;

    fn connect(&self, stream: S, addr: &RemoteAddr) -> io::Result<B::Stream> {
        self.1.connect(self.0.connect(stream, addr)?, addr)
    }

    /// Both are told of the address that the listener saw.
    fn accept(&self, stream: S, accepted: &Accepted) -> io::Result<B::Stream> {
        self.1.accept(self.0.accept(stream, accepted)?, accepted)
    }
}
