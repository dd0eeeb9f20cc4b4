//! Peers that do what a test says, record by record: rustls by hand over a socket.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{
    ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection,
};

use super::DEADLINE;
use super::certificates::{Authority, Both, Issued};

pub struct Peer {
    pub socket: TcpStream,
    pub tls: Connection,
}

impl Peer {
    /// A client of whoever listens at `addr` with a certificate of `authority` for 127.0.0.1.
    pub fn client(authority: &Authority, addr: SocketAddr) -> Self {
        let config = client_config(authority);
        let tls = ClientConnection::new(Arc::new(config), addr.ip().into()).unwrap();
        Self { socket: ready(TcpStream::connect(addr).unwrap()), tls: tls.into() }
    }

    /// The server of whoever comes next.
    pub fn server(issued: &Issued, listener: &TcpListener) -> Self {
        let tls = ServerConnection::new(Arc::new(server_config(issued))).unwrap();
        Self { socket: ready(listener.accept().unwrap().0), tls: tls.into() }
    }

    /// Shakes hands. Nothing of what comes behind is lost.
    pub fn shake_hands(&mut self) -> io::Result<()> {
        while self.tls.is_handshaking() {
            self.flush()?;
            if self.tls.is_handshaking() {
                self.read_records()?;
            }
        }
        self.flush()
    }

    /// Records that wait, taken and not sent.
    pub fn take_records(&mut self) -> Vec<u8> {
        let mut records = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut records).unwrap();
        }
        records
    }

    pub fn flush(&mut self) -> io::Result<()> {
        let records = self.take_records();
        self.socket.write_all(&records)
    }

    fn read_records(&mut self) -> io::Result<()> {
        if self.tls.read_tls(&mut self.socket)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Err(error) = self.tls.process_new_packets() {
            let _ = self.flush();
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(())
    }

    /// Seals `plain` in a record of its own.
    pub fn seal(&mut self, plain: &[u8]) -> Vec<u8> {
        self.tls.writer().write_all(plain).unwrap();
        self.take_records()
    }

    pub fn send(&mut self, plain: &[u8]) {
        let records = self.seal(plain);
        self.socket.write_all(&records).unwrap();
    }

    /// Reads so many bytes of plaintext.
    pub fn read_exactly(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let mut plain = vec![0; len];
        let mut filled = 0;
        while filled < len {
            match self.tls.reader().read(&mut plain[filled..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.read_records()?,
                Err(error) => return Err(error),
            }
        }
        Ok(plain)
    }

    /// Reads until the other side says that nothing more comes: all that came, and whether it said so rather than
    /// just end the stream.
    pub fn read_to_end(&mut self) -> io::Result<(Vec<u8>, bool)> {
        let mut plain = Vec::new();
        loop {
            let mut buffer = [0; 4096];
            match self.tls.reader().read(&mut buffer) {
                Ok(0) => return Ok((plain, true)),
                Ok(read) => plain.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match self.read_records() {
                        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                            return Ok((plain, false));
                        }
                        read => read?,
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok((plain, false));
                }
                Err(error) => return Err(error),
            }
        }
    }
}

pub fn ready(socket: TcpStream) -> TcpStream {
    socket.set_nodelay(true).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.set_write_timeout(Some(DEADLINE)).unwrap();
    socket
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    #[cfg(feature = "aws-lc-rs")]
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(feature = "aws-lc-rs"))]
    let provider = rustls::crypto::ring::default_provider();
    Arc::new(provider)
}

pub fn client_config(authority: &Authority) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.enable_secret_extraction = true;
    config
}

pub fn server_config(issued: &Issued) -> ServerConfig {
    let chain = vec![CertificateDer::from_pem_slice(issued.chain.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    config.enable_secret_extraction = true;
    config
}

/// Somebody honest still gets an answer.
#[track_caller]
pub fn assert_serves(both: &Both, addr: SocketAddr) {
    let mut honest = Peer::client(&both.authority, addr);
    honest.shake_hands().unwrap();
    honest.send(b"hello");
    assert_eq!(honest.read_exactly(5).unwrap(), b"hello");
}
