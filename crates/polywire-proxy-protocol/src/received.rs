//! An accepted stream that begins with a header.

use std::any::TypeId;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use polywire_core::CloseReason;
use polywire_core::adapter::Info;
use polywire_core::stream::{Establishing, PassThrough, Stream};

use crate::error::ProxyHeaderError;
use crate::header::{Parsed, ProxyHeader};
use crate::info::ProxyInfo;

/// Bytes of a header that are read at a time.
const READ_SIZE: usize = 512;

/// What [`ProxyListenConfig`](crate::ProxyListenConfig) makes of an accepted stream.
///
/// It reads no byte behind the header, so that from then on it is the stream underneath: nothing is copied, and
/// nothing is kept but the [`ProxyInfo`].
pub struct ProxiedStream<S> {
    stream: S,
    /// The address of the proxy.
    proxy: Option<SocketAddr>,
    /// Until the header is there.
    reading: Mutex<Option<Box<Reading>>>,
    info: OnceLock<Arc<ProxyInfo>>,
}

/// A header on its way.
struct Reading {
    /// `None` where none is taken from the proxy.
    max_len: Option<usize>,
    /// The stream underneath is established.
    is_open: bool,
    received: Vec<u8>,
}

impl<S: Stream> ProxiedStream<S> {
    pub(crate) fn new(stream: S, proxy: Option<SocketAddr>, max_len: Option<usize>) -> Self {
        let reading = Reading { max_len, is_open: false, received: Vec::new() };
        let reading = Mutex::new(Some(Box::new(reading)));
        Self { stream, proxy, reading, info: OnceLock::new() }
    }

    /// Who is not allowed to send a header.
    fn refusal(&self) -> io::Error {
        let text = match self.proxy {
            Some(proxy) => format!("{} is not among the allowed proxies", proxy.ip()),
            None => "a peer without an IP address is not among the allowed proxies".to_owned(),
        };
        CloseReason::HandshakeRefused(text.into()).into()
    }
}

impl Reading {
    /// Reads on. `None` if more has to come.
    fn read(&mut self, stream: &impl Stream, max_len: usize) -> io::Result<Option<Parsed>> {
        let mut buffer = [0; READ_SIZE];
        loop {
            let parsed = ProxyHeader::parse(&self.received, max_len).map_err(refused)?;
            let Parsed::Incomplete { needed } = parsed else { return Ok(Some(parsed)) };
            // What is behind the header is for whoever reads next.
            let room = needed.saturating_sub(self.received.len()).clamp(1, READ_SIZE);
            match stream.read(&mut buffer[..room]) {
                Ok(0) => {
                    let text = "the stream ended before the PROXY header was whole";
                    return Err(CloseReason::HandshakeRefused(text.into()).into());
                }
                Ok(len) => self.received.extend(&buffer[..len.min(room)]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn refused(error: ProxyHeaderError) -> io::Error {
    CloseReason::from(error).into()
}

impl<S: Stream> PassThrough for ProxiedStream<S> {
    type Under = S;

    const NAMES_PEER: bool = true;

    fn under(&self) -> &S {
        &self.stream
    }

    fn under_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    fn establish(&self, so_far: Establishing) -> io::Result<Establishing> {
        let mut guard = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(reading) = guard.as_mut() else { return Ok(Establishing::Established) };
        let max_len = reading.max_len.ok_or_else(|| self.refusal())?;
        if !reading.is_open {
            match self.stream.establish(so_far)? {
                Establishing::Established => reading.is_open = true,
                further => return Ok(further),
            }
        }
        let Some(Parsed::Whole { header, version, .. }) = reading.read(&self.stream, max_len)?
        else {
            return Ok(Establishing::Handshaking);
        };
        let info = ProxyInfo { header, version, proxy_addr: self.proxy };
        let _ = self.info.set(Arc::new(info));
        *guard = None;
        Ok(Establishing::Established)
    }

    fn info(&self, type_id: TypeId) -> Option<Info> {
        if type_id == TypeId::of::<ProxyInfo>() {
            return Some(Arc::<ProxyInfo>::clone(self.info.get()?));
        }
        self.stream.info(type_id)
    }

    fn facts(&self) -> Vec<Info> {
        let own = PassThrough::info(self, TypeId::of::<ProxyInfo>());
        self.stream.facts().into_iter().chain(own).collect()
    }

    /// The client, once the header has named one; the proxy if it speaks for itself.
    fn peer_addr(&self) -> Option<SocketAddr> {
        let info = self.info.get()?;
        info.header.source().and_then(|source| source.socket_addr()).or(self.proxy)
    }
}

impl<S> fmt::Debug for ProxiedStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxiedStream")
            .field("proxy", &self.proxy)
            .field("info", &self.info.get())
            .finish_non_exhaustive()
    }
}
