//! The adapter: WebSocket over TCP.

use std::borrow::Cow;
use std::io;

use polywire_core::adapter::{Accepted, Connect, Connection, Listen, Listener};
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{Layer, NoLayer};
use polywire_tcp::{
    ConnectOver, ListenOver, TcpConnectConfig, TcpSocket, connect_over, listen_over,
};

use crate::connect_config::WsConnectConfig;
use crate::listen_config::WsListenConfig;
use crate::protocol::WsProtocol;
use crate::route::Route;
use crate::url::{Scheme, WsUrl};

/// The number of this transport in [`ResourceId`](polywire_core::endpoint::ResourceId)s.
const TAG: u8 = 3;

/// WebSocket with default settings: those of [`WsConnectConfig`] and [`WsListenConfig`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ws;

impl Connect for Ws {
    fn tag(&self) -> u8 {
        TAG
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        WsConnectConfig::default().connect(addr)
    }
}

impl Listen for Ws {
    fn tag(&self) -> u8 {
        TAG
    }

    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        WsListenConfig::default().listen(addr)
    }
}

/// Takes what [`WsUrl::parse`] takes. An address that it refuses is an error before any socket is
/// opened.
impl Connect for WsConnectConfig {
    fn tag(&self) -> u8 {
        TAG
    }

    /// The proxy may have a name where the server has an address.
    fn looks_up(&self, addr: &RemoteAddr) -> bool {
        addr.is_string() || self.http_proxy.is_some()
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        self.connect_over(addr, NoLayer)
    }
}

impl ConnectOver for WsConnectConfig {
    fn connect_over<L: Layer<TcpSocket>>(
        &self,
        addr: &RemoteAddr,
        layer: L,
    ) -> io::Result<Connection> {
        let url = WsUrl::parse(addr)?;
        let protocol = WsProtocol::client(&url, self)?;
        let tcp = self.tcp_for(&url)?;
        if self.http_proxy.is_some() || self.max_redirects > 0 {
            let is_secure = self.scheme_of(&url) == Scheme::Wss;
            return Route::new(self, layer)?.connect(&url, is_secure, protocol);
        }
        connect_over(&tcp, url.remote_addr(), layer, protocol)
    }
}

impl WsConnectConfig {
    /// What is underneath: TLS for `wss`, and by default that of the system's roots. Clear text where TLS was
    /// asked for is an error, and so is the reverse where there is none.
    fn tcp_for(&self, url: &WsUrl) -> io::Result<Cow<'_, TcpConnectConfig>> {
        #[cfg(feature = "__tls")]
        match (url.scheme(), &self.tcp.tls) {
            (Some(Scheme::Ws), Some(_)) => return Err(url.in_clear_text()),
            (Some(Scheme::Wss), None) => {
                let tls = polywire_tls::TlsConnectConfig::default();
                return Ok(Cow::Owned(self.tcp.clone().with_tls(tls)));
            }
            _ => {}
        }
        #[cfg(not(feature = "__tls"))]
        if url.scheme() == Some(Scheme::Wss) {
            return Err(url.without_tls());
        }
        Ok(Cow::Borrowed(&self.tcp))
    }
}

impl Listen for WsListenConfig {
    fn tag(&self) -> u8 {
        TAG
    }

    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        self.listen_over(addr, NoLayer)
    }
}

impl ListenOver for WsListenConfig {
    fn listen_over<L: Layer<TcpSocket>>(
        &self,
        addr: &RemoteAddr,
        layer: L,
    ) -> io::Result<Listener> {
        #[cfg(feature = "__tls")]
        let is_secure = self.tcp.tls.is_some();
        #[cfg(not(feature = "__tls"))]
        let is_secure = false;
        let make = WsProtocol::servers_of(self, is_secure)?;
        listen_over(&self.tcp, addr, layer, move |_: &Accepted| make())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_proxy_is_looked_up_as_that_of_a_server_is() {
        let addr = RemoteAddr::Socket("127.0.0.1:80".parse().unwrap());
        let direct = WsConnectConfig::default();
        let proxied = direct.clone().with_http_proxy("http://proxy:3128");
        assert!(!direct.looks_up(&addr) && proxied.looks_up(&addr));
        assert!(direct.looks_up(&RemoteAddr::Str("ws://server/".into())));
        let (direct, proxied) = (direct.over(NoLayer), proxied.over(NoLayer));
        assert!(!direct.looks_up(&addr) && proxied.looks_up(&addr));
    }

    #[test]
    #[cfg(not(feature = "__tls"))]
    fn a_secure_url_is_refused_where_there_is_no_tls_and_its_query_kept() {
        let url = RemoteAddr::Str("wss://127.0.0.1:443/secret?token=secret".into());
        let error = Ws.connect(&url).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        let text = error.to_string();
        assert!(text.contains("`tls`") && !text.contains("secret"), "{text}");
    }

    #[test]
    #[cfg(feature = "__tls")]
    fn a_url_of_clear_text_is_refused_where_tls_is_asked_for() {
        let config = WsConnectConfig::default().with_tls(polywire_tls::TlsConnectConfig::default());
        let url = RemoteAddr::Str("ws://127.0.0.1:80/secret?token=secret".into());
        let error = config.connect(&url).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let text = error.to_string();
        assert!(text.contains("wss://") && !text.contains("secret"), "{text}");
    }
}
