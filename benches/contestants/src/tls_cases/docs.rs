//! The server and the client of tokio-rustls' docs (its `examples`).

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::{CertificateRevocationListDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, HandshakeKind, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::issuing::{Authority, Issued};

pub(super) fn server(issued: &Issued) -> ServerConfig {
    ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(issued.chain(), issued.key())
        .expect("a certificate and its key")
}

/// One that demands certificates of `roots`.
pub(super) fn demanding(issued: &Issued, roots: RootCertStore) -> ServerConfig {
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().expect("roots");
    ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(issued.chain(), issued.key())
        .expect("a certificate and its key")
}

pub(super) fn client(roots: RootCertStore) -> Arc<ClientConfig> {
    Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

pub(super) fn client_with(roots: RootCertStore, issued: &Issued) -> Arc<ClientConfig> {
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_client_auth_cert(issued.chain(), issued.key());
    Arc::new(config.expect("a certificate and its key"))
}

/// One that looks certificates up in a list.
pub(super) fn client_that_looks_up(
    authority: &Authority,
    list: CertificateRevocationListDer<'static>,
) -> Arc<ClientConfig> {
    let verifier = WebPkiServerVerifier::builder(Arc::new(authority.roots()));
    let verifier = verifier.with_crls([list]).build().expect("a list");
    Arc::new(ClientConfig::builder().with_webpki_verifier(verifier).with_no_client_auth())
}

/// Echoes, in a task for each connection.
pub(super) struct Server {
    pub(super) addr: SocketAddr,
    ended: mpsc::UnboundedReceiver<io::Result<()>>,
}

impl Server {
    pub(super) async fn start(config: impl Into<Arc<ServerConfig>>) -> Self {
        let acceptor = TlsAcceptor::from(config.into());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let (tell, ended) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, tell) = (acceptor.clone(), tell.clone());
                tokio::spawn(async move { tell.send(echo(acceptor, stream).await) });
            }
        });
        Self { addr, ended }
    }

    /// How the next connection ended, which the docs' server prints.
    pub(super) async fn said(&mut self) -> String {
        say(&self.ended.recv().await.expect("it goes on").map(|()| "Ok"))
    }

    /// How many have ended, of those nobody asked for.
    pub(super) fn count_ended(&mut self) -> usize {
        std::iter::from_fn(|| self.ended.try_recv().ok()).count()
    }
}

async fn echo(acceptor: TlsAcceptor, stream: TcpStream) -> io::Result<()> {
    let stream = acceptor.accept(stream).await?;
    let (mut reader, mut writer) = split(stream);
    copy(&mut reader, &mut writer).await?;
    writer.flush().await
}

pub(super) async fn connect(
    config: &Arc<ClientConfig>,
    addr: SocketAddr,
    name: &str,
) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(name.to_owned())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let stream = TcpStream::connect(addr).await?;
    TlsConnector::from(Arc::clone(config)).connect(name, stream).await
}

/// Connects, has a message echoed, and says goodbye. Tells whether the session was resumed.
pub(super) async fn visit(
    config: &Arc<ClientConfig>,
    addr: SocketAddr,
    name: &str,
) -> io::Result<bool> {
    let mut stream = connect(config, addr, name).await?;
    stream.write_all(b"hello").await?;
    stream.read_exact(&mut [0; 5]).await?;
    stream.shutdown().await?;
    Ok(stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed))
}

pub(super) fn say<T: Display>(result: &io::Result<T>) -> String {
    match result {
        Ok(value) => value.to_string(),
        Err(error) => format!("Err({:?}, {error})", error.kind()),
    }
}

pub(super) fn say_visit(result: io::Result<bool>) -> String {
    say(&result.map(|resumed| if resumed { "resumed" } else { "echoed, full handshake" }))
}
