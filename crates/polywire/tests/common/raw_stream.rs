//! A blocking socket, in clear text or over TLS.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::{Deref, DerefMut};
#[cfg(feature = "__tls")]
use std::sync::{Arc, OnceLock};

#[cfg(feature = "__tls")]
use super::secure;

/// What a raw peer reads and writes. The methods of the socket are there, too; what they do is not encrypted.
pub struct RawStream {
    socket: TcpStream,
    #[cfg(feature = "__tls")]
    tls: Option<Box<rustls::ClientConnection>>,
}

impl RawStream {
    pub fn plain(socket: TcpStream) -> Self {
        Self {
            socket,
            #[cfg(feature = "__tls")]
            tls: None,
        }
    }

    /// Shakes hands at the first read or write.
    #[cfg(feature = "__tls")]
    pub fn secure(socket: TcpStream) -> Self {
        let name = "localhost".try_into().unwrap();
        let tls = rustls::ClientConnection::new(client_config(), name).unwrap();
        Self { socket, tls: Some(Box::new(tls)) }
    }

    /// What is to be written to the socket for these to be said, each in a record of its own.
    pub fn sealed(&mut self, pieces: &[&[u8]]) -> Vec<u8> {
        #[cfg(feature = "__tls")]
        if let Some(tls) = &mut self.tls {
            let mut records = Vec::new();
            for piece in pieces {
                tls.writer().write_all(piece).unwrap();
                while tls.wants_write() {
                    tls.write_tls(&mut records).unwrap();
                }
            }
            return records;
        }
        pieces.concat()
    }

    /// Ends the sending side, as the peer's protocol has it.
    pub fn finish(&mut self) -> io::Result<()> {
        #[cfg(feature = "__tls")]
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            tls.complete_io(&mut self.socket)?;
        }
        self.socket.shutdown(Shutdown::Write)
    }
}

#[cfg(feature = "__tls")]
fn client_config() -> Arc<rustls::ClientConfig> {
    static CONFIG: OnceLock<Arc<rustls::ClientConfig>> = OnceLock::new();
    let make = || {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(secure::certificate().cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_root_certificates(roots).with_no_client_auth())
    };
    Arc::clone(CONFIG.get_or_init(make))
}

impl From<TcpStream> for RawStream {
    fn from(socket: TcpStream) -> Self {
        Self::plain(socket)
    }
}

impl Read for RawStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "__tls")]
        if let Some(tls) = &mut self.tls {
            return rustls::Stream::new(&mut **tls, &mut self.socket).read(buffer);
        }
        self.socket.read(buffer)
    }
}

impl Write for RawStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "__tls")]
        if let Some(tls) = &mut self.tls {
            return rustls::Stream::new(&mut **tls, &mut self.socket).write(bytes);
        }
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        #[cfg(feature = "__tls")]
        if let Some(tls) = &mut self.tls {
            return rustls::Stream::new(&mut **tls, &mut self.socket).flush();
        }
        self.socket.flush()
    }
}

impl Deref for RawStream {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        &self.socket
    }
}

impl DerefMut for RawStream {
    fn deref_mut(&mut self) -> &mut TcpStream {
        &mut self.socket
    }
}
