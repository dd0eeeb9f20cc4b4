//! An echo server over TLS and its client, with a certificate that is made on the spot.
//!
//! `cargo run -p polywire-examples --example secure-echo`: plain and TLS differ in one line on either side, which is marked. With
//! `-- serve` it goes on serving, and writes its certificate to `certificate.pem` for other clients:
//! `openssl s_client -connect localhost:3045 -CAfile certificate.pem`.

use std::error::Error;
use std::fs;

use polywire::adapters::tcp::{TcpConnectConfig, TcpListenConfig};
use polywire::adapters::tls::{
    TlsCertificates, TlsConnectConfig, TlsIdentity, TlsInfo, TlsListenConfig,
};
use polywire::network::NetEvent;
use polywire::node::{self, NodeHandler, NodeListener};
use rcgen::{CertifiedKey, generate_simple_self_signed};

/// A certificate that signs itself, for this machine alone, and its key, both as PEM.
fn make_certificate() -> Result<(String, String), rcgen::Error> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".into()])?;
    Ok((cert.pem(), signing_key.serialize_pem()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let (certificate, key) = make_certificate()?;
    let (handler, listener) = node::split::<()>();
    let identity = TlsIdentity::from_pem(&certificate, &key)?;
    let config = TcpListenConfig::default();
    let config = config.with_tls(TlsListenConfig::new(identity)); // Leave this line out for clear text.
    if std::env::args().nth(1).as_deref() == Some("serve") {
        handler.network().listen(config, "127.0.0.1:3045")?;
        fs::write("certificate.pem", &certificate)?;
        println!("openssl s_client -connect localhost:3045 -CAfile certificate.pem");
        serve(&handler, listener);
        return Ok(());
    }
    let (_, addr) = handler.network().listen(config, "127.0.0.1:0")?;
    let trust = TlsConnectConfig::new().with_roots(TlsCertificates::from_pem(&certificate)?);
    let config = TcpConnectConfig::default();
    let config = config.with_tls(trust); // And this one.
    let (client, _) = handler.network().connect(config, ("localhost", addr.port()))?;
    handler.network().send(client, b"Hello over TLS!");
    listener.for_each(|event| match event.network() {
        NetEvent::Message(endpoint, data) if endpoint == client => {
            let tls = handler.network().info::<TlsInfo>(client);
            let cipher = tls.map(|tls| tls.cipher_suite.clone());
            println!("{} {}", String::from_utf8_lossy(data), cipher.unwrap_or_default());
            handler.stop();
        }
        NetEvent::Message(endpoint, data) => {
            handler.network().send(endpoint, data);
        }
        NetEvent::Connected(_, false) | NetEvent::Disconnected(_) => {
            if let Some(reason) = handler.network().close_reason(client) {
                println!("no more: {reason}");
            }
            handler.stop();
        }
        _ => {}
    });
    Ok(())
}

fn serve(handler: &NodeHandler<()>, listener: NodeListener<()>) {
    listener.for_each(|event| match event.network() {
        NetEvent::Message(endpoint, data) => {
            handler.network().send(endpoint, data);
        }
        NetEvent::Disconnected(endpoint) => {
            if let Some(reason) = handler.network().close_reason(endpoint) {
                println!("{endpoint}: {reason}");
            }
        }
        _ => {}
    });
}
