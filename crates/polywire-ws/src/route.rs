//! Connections that go through a proxy, or may be sent to other servers.

use std::io;
use std::sync::Arc;

use polywire_core::adapter::{Accepted, Connection};
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{Dialed, Engine, Layer, Stream};
use polywire_tcp::{TcpConnectConfig, TcpSocket, dial_over};

use crate::connect_config::WsConnectConfig;
use crate::http_connect::{TunnelStream, request};
use crate::http_proxy::HttpProxy;
#[cfg(feature = "__tls")]
use crate::maybe_tls::MaybeTls;
use crate::protocol::WsProtocol;
use crate::url::{Scheme, WsUrl};

/// How servers are reached.
pub(crate) struct Route<L> {
    tcp: TcpConnectConfig,
    proxy: Option<HttpProxy>,
    max_handshake_size: usize,
    follows: bool,
    /// Next to the socket.
    layer: Arc<L>,
    #[cfg(feature = "__tls")]
    tls: polywire_tls::TlsConnectConfig,
}

/// What lies over the socket on the way to one server: the tunnel of a proxy, and TLS in it.
struct Passage {
    /// Whom TLS is for.
    #[cfg(feature = "__tls")]
    server: RemoteAddr,
    /// What the proxy is asked, if there is one, and how long the head of its answer may be.
    tunnel: Option<(Vec<u8>, usize)>,
    #[cfg(feature = "__tls")]
    tls: Option<polywire_tls::TlsConnectConfig>,
}

impl<L: Layer<TcpSocket>> Route<L> {
    /// That of `config`, with `layer` next to the socket.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a proxy that is none.
    pub(crate) fn new(config: &WsConnectConfig, layer: L) -> io::Result<Self> {
        let proxy = config.http_proxy.as_deref().map(HttpProxy::parse).transpose()?;
        #[cfg_attr(not(feature = "__tls"), allow(unused_mut))]
        let mut tcp = config.tcp.clone();
        Ok(Self {
            #[cfg(feature = "__tls")]
            tls: tcp.tls.take().unwrap_or_default(),
            tcp,
            proxy,
            max_handshake_size: config.max_handshake_size,
            follows: config.max_redirects > 0,
            layer: Arc::new(layer),
        })
    }

    /// Begins to connect to the server of `url`, and lets `protocol` speak to that or to whom it leads.
    pub(crate) fn connect(
        self,
        url: &WsUrl,
        is_secure: bool,
        protocol: WsProtocol,
    ) -> io::Result<Connection> {
        let dialed = self.dial(url, is_secure)?;
        let (peer, local) = dialed.ends();
        let engine = Engine::dialed(dialed, protocol, self.tcp.limits.clone());
        if !self.follows {
            return Ok(Connection::new(engine, peer, local));
        }
        let engine = engine.with_redirects(move |server| {
            let url = WsUrl::parse(server)?;
            self.dial(&url, url.scheme() == Some(Scheme::Wss))
        });
        Ok(Connection::new(engine, peer, local))
    }

    fn dial(
        &self,
        url: &WsUrl,
        is_secure: bool,
    ) -> io::Result<Dialed<<Passage as Layer<L::Stream>>::Stream>> {
        #[cfg(not(feature = "__tls"))]
        if is_secure {
            return Err(url.without_tls());
        }
        #[cfg(feature = "__tls")]
        if is_secure {
            self.tls.check()?;
        }
        let tunnel = self.proxy.as_ref().map(|proxy| {
            let request = request(&url.authority(), proxy.authorization.as_ref());
            (request, self.max_handshake_size)
        });
        let passage = Passage {
            #[cfg(feature = "__tls")]
            server: url.remote_addr().clone(),
            tunnel,
            #[cfg(feature = "__tls")]
            tls: is_secure.then(|| self.tls.clone()),
        };
        let next_hop = self.proxy.as_ref().map_or_else(|| url.remote_addr(), |proxy| &proxy.addr);
        dial_over(&self.tcp, next_hop, (Arc::clone(&self.layer), passage))
    }
}

impl<S: Stream> Layer<S> for Passage {
    #[cfg(feature = "__tls")]
    type Stream = MaybeTls<TunnelStream<S>>;
    #[cfg(not(feature = "__tls"))]
    type Stream = TunnelStream<S>;

    fn connect(&self, stream: S, _: &RemoteAddr) -> io::Result<Self::Stream> {
        let stream = match &self.tunnel {
            Some((request, max)) => TunnelStream::through_proxy(stream, request.clone(), *max),
            None => TunnelStream::direct(stream),
        };
        #[cfg(feature = "__tls")]
        let stream = match &self.tls {
            Some(tls) => MaybeTls::Tls(Box::new(tls.connect(stream, &self.server)?)),
            None => MaybeTls::ClearText(stream),
        };
        Ok(stream)
    }

    fn accept(&self, _: S, _: &Accepted) -> io::Result<Self::Stream> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "a route is for connections"))
    }
}
