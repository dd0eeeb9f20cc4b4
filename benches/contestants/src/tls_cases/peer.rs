//! Peers that do what a case says, record by record: rustls by hand over a socket.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384;
use rustls::crypto::cipher::{MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, Connection, ConnectionTrafficSecrets, ContentType,
    ProtocolVersion, ServerConfig, ServerConnection,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A record that no key opens.
pub(super) const JUNK: [u8; 25] = {
    let mut junk = [0; 25];
    (junk[0], junk[1], junk[2], junk[4]) = (23, 3, 3, 20);
    junk
};

pub(super) struct Peer {
    pub(super) socket: TcpStream,
    pub(super) tls: Connection,
    plain: Vec<u8>,
    /// `close_notify` has come.
    is_over: bool,
}

impl Peer {
    fn new(socket: TcpStream, tls: Connection) -> Self {
        Self { socket, tls, plain: Vec::new(), is_over: false }
    }

    pub(super) async fn client(config: Arc<ClientConfig>, addr: SocketAddr) -> Self {
        let name = ServerName::try_from("localhost").expect("a name");
        let tls = ClientConnection::new(config, name).expect("a client");
        Self::new(TcpStream::connect(addr).await.expect("it listens"), tls.into())
    }

    /// A client whose handshake is done.
    pub(super) async fn ready(config: Arc<ClientConfig>, addr: SocketAddr) -> Self {
        let mut peer = Self::client(config, addr).await;
        peer.shake_hands().await.expect("shakes hands");
        peer
    }

    /// The server of whoever comes next.
    pub(super) async fn server(config: ServerConfig, listener: &TcpListener) -> Self {
        let tls = ServerConnection::new(Arc::new(config)).expect("a server");
        Self::new(listener.accept().await.expect("a client").0, tls.into())
    }

    pub(super) async fn shake_hands(&mut self) -> io::Result<()> {
        while self.tls.is_handshaking() {
            self.flush().await?;
            if self.tls.is_handshaking() {
                self.read_records().await?;
            }
        }
        self.flush().await
    }

    /// Records that wait, taken and not sent.
    pub(super) fn take_records(&mut self) -> Vec<u8> {
        let mut records = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut records).expect("memory");
        }
        records
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        let records = self.take_records();
        self.socket.write_all(&records).await
    }

    /// Reads once. False at the end of the stream.
    pub(super) async fn read_records(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        let len = self.socket.read(&mut buffer).await?;
        let mut records = &buffer[..len];
        while !records.is_empty() {
            self.tls.read_tls(&mut records)?;
            let processed = self.tls.process_new_packets();
            let state =
                processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            self.is_over |= state.peer_has_closed();
            let mut plain = vec![0; state.plaintext_bytes_to_read()];
            self.tls.reader().read_exact(&mut plain)?;
            self.plain.extend(plain);
        }
        Ok(len > 0)
    }

    /// Reads so many bytes of plaintext.
    pub(super) async fn read_exactly(&mut self, len: usize) -> io::Result<()> {
        while self.plain.len() < len {
            if !self.read_records().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        self.plain.drain(..len);
        Ok(())
    }

    /// Seals `plain` in a record of its own.
    pub(super) fn seal(&mut self, plain: &[u8]) -> Vec<u8> {
        self.tls.writer().write_all(plain).expect("memory");
        self.take_records()
    }

    /// A fatal alert, as about a record that is damaged.
    pub(super) fn alert(&mut self) -> Vec<u8> {
        self.tls.read_tls(&mut &JUNK[..]).expect("memory");
        self.tls.process_new_packets().expect_err("it opens with no key");
        self.take_records()
    }

    /// Reads to the end of the stream: how many bytes of plaintext, and whether `close_notify` came behind.
    pub(super) async fn read_to_end(&mut self) -> io::Result<(usize, bool)> {
        while !self.is_over && self.read_records().await? {}
        Ok((self.plain.len(), self.is_over))
    }
}

/// Seals records that rustls itself would not send, for a peer whose handshake is done. Its configuration has
/// `enable_secret_extraction`.
pub(super) struct Sealer {
    pub(super) socket: TcpStream,
    encrypter: Box<dyn MessageEncrypter>,
    number: u64,
}

impl Sealer {
    pub(super) fn new(peer: Peer) -> Self {
        let secrets = peer.tls.dangerous_extract_secrets().expect("enabled");
        let (number, ConnectionTrafficSecrets::Aes256Gcm { key, iv }) = secrets.tx else {
            panic!("rustls prefers another cipher")
        };
        let suite = TLS13_AES_256_GCM_SHA384.tls13().expect("its name says so");
        Self { socket: peer.socket, encrypter: suite.aead_alg.encrypter(key, iv), number }
    }

    pub(super) fn seal(&mut self, typ: ContentType, content: &[u8]) -> Vec<u8> {
        let payload = OutboundChunks::Single(content);
        let plain = OutboundPlainMessage { typ, version: ProtocolVersion::TLSv1_2, payload };
        let sealed = self.encrypter.encrypt(plain, self.number).expect("a short one");
        self.number += 1;
        sealed.encode()
    }
}
