//! The configurations as layers.

use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use polywire_core::adapter::Accepted;
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{Layer, Stream};
use rustls::client::ClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::ServerConnection;

use crate::connect_config::TlsConnectConfig;
use crate::error::TlsError;
use crate::listen_config::TlsListenConfig;
use crate::session::Session;
use crate::stream::{Role, TlsStream};
use crate::translate::translate;

/// `accept` is an error: to listen takes a [`TlsListenConfig`].
impl<S: Stream> Layer<S> for TlsConnectConfig {
    type Stream = TlsStream<S>;

    fn connect(&self, stream: S, addr: &RemoteAddr) -> io::Result<Self::Stream> {
        let client = self.client()?;
        let name = match self.server_name() {
            Some(name) => server_name(name),
            None => match addr {
                // One mapped into IPv6 leads to the IPv4 address, for which the certificate is.
                RemoteAddr::Socket(addr) => Ok(ServerName::from(addr.ip().to_canonical())),
                RemoteAddr::Str(text) => server_name(host_of(text)),
            },
        }?;
        let verified_name = client.checks_name.then(|| name.to_str().into());
        let connection = ClientConnection::new(Arc::clone(&client.config), name)
            .map_err(|error| translate(error, false))?;
        let role = Role::Client { verified_name, needs_close_notify: self.needs_close_notify() };
        Ok(TlsStream::new(stream, Session::client(connection), role))
    }

    fn accept(&self, _: S, _: &Accepted) -> io::Result<Self::Stream> {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "to listen takes a TlsListenConfig"))
    }
}

/// `connect` is an error: to connect takes a [`TlsConnectConfig`].
impl<S: Stream> Layer<S> for TlsListenConfig {
    type Stream = TlsStream<S>;

    fn connect(&self, _: S, _: &RemoteAddr) -> io::Result<Self::Stream> {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "to connect takes a TlsConnectConfig"))
    }

    fn accept(&self, stream: S, accepted: &Accepted) -> io::Result<Self::Stream> {
        let server = self.server().inspect_err(|error| {
            if self.refusals.may_warn() {
                tracing::warn!(listener = %accepted.local, %error, "TLS connections are refused");
            }
        })?;
        let connection = ServerConnection::new(Arc::clone(&server.config))
            .map_err(|error| translate(error, false))?;
        Ok(TlsStream::new(stream, Session::server(connection), Role::Server(server)))
    }
}

/// The host of `host:port`, without the brackets and the zone of an IPv6 address. The resolver takes a zone without
/// brackets as well.
fn host_of(text: &str) -> &str {
    let host = text.rsplit_once(':').map_or(text, |(host, _)| host);
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = inner.unwrap_or(host);
    match host.split_once('%') {
        Some((address, _)) if address.parse::<Ipv6Addr>().is_ok() => address,
        _ => host,
    }
}

fn server_name(host: &str) -> Result<ServerName<'static>, TlsError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(address.into());
    }
    // A dot at its end makes a name absolute, and is not part of it in a certificate.
    let name = host.strip_suffix('.').unwrap_or(host);
    ServerName::try_from(name.to_owned()).map_err(|_| TlsError::NoServerName(host.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_address_is_what_a_certificate_is_checked_for() {
        let cases = [
            ("example.org:443", "example.org"),
            ("127.0.0.1:443", "127.0.0.1"),
            ("[::1]:443", "::1"),
            ("[fe80::1%eth0]:443", "fe80::1"),
            ("fe80::1%eth0:443", "fe80::1"),
        ];
        for (text, host) in cases {
            assert_eq!(host_of(text), host);
            assert_eq!(server_name(host_of(text)).unwrap().to_str(), host);
        }
        assert_eq!(server_name("example.org.").unwrap().to_str(), "example.org");
        let no_zone = server_name(host_of("example.org%eth0:443"));
        assert_eq!(no_zone, Err(TlsError::NoServerName("example.org%eth0".into())));
        assert_eq!(server_name("a b"), Err(TlsError::NoServerName("a b".into())));
    }
}
