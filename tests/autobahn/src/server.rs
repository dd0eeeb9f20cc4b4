//! What the suite's fuzzing client connects to.

use std::path::Path;

use polywire::adapters::tls::{TlsIdentity, TlsListenConfig};
use polywire::adapters::ws::{Deflate, WsListenConfig};
use polywire::network::NetEvent;
use polywire::node;

use crate::{Result, certificates};

/// Serves until the process is ended.
pub fn run(dir: &Path) -> Result {
    certificates::make(dir)?;
    let (certificate, key) = (dir.join(certificates::CERTIFICATE), dir.join(certificates::KEY));
    let tls = TlsListenConfig::new(TlsIdentity::from_pem_files(certificate, key)?);
    let (handler, listener) = node::split::<()>();
    let network = handler.network();
    let (_, plain) = network.listen(config(), "127.0.0.1:0")?;
    let (_, secure) = network.listen(config().with_tls(tls), "127.0.0.1:0")?;
    println!("ports {} {}", plain.port(), secure.port());
    listener.for_each(|event| {
        if let NetEvent::Message(client, message) = event.network() {
            network.send_as(client, network.message_kind(), message);
        }
    });
    Ok(())
}

/// With all the compression that a client may ask for, however short the message.
fn config() -> WsListenConfig {
    WsListenConfig::default().with_deflate(Deflate::dedicated(15).with_threshold(0))
}
