//! Records that no library would send, sealed by hand (RFC 8446 section 5.2).

use std::io::Write;
use std::net::TcpStream;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::ConnectionTrafficSecrets;

use super::peer::Peer;

/// What a record holds (RFC 8446 section 5.1).
pub const ALERT: u8 = 21;
pub const HANDSHAKE: u8 = 22;
pub const DATA: u8 = 23;

/// A peer whose handshake is done, and who goes on by hand.
pub struct Sealer {
    pub socket: TcpStream,
    key: LessSafeKey,
    iv: [u8; 12],
    number: u64,
}

impl Sealer {
    pub fn new(peer: Peer) -> Self {
        let secrets = peer.tls.dangerous_extract_secrets().unwrap();
        let (number, ConnectionTrafficSecrets::Aes256Gcm { key, iv }) = secrets.tx else {
            panic!("a cipher that these tests do not know")
        };
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_ref()).unwrap());
        let iv = iv.as_ref().try_into().unwrap();
        Self { socket: peer.socket, key, iv, number }
    }

    /// A record of that type.
    pub fn seal(&mut self, content_type: u8, content: &[u8]) -> Vec<u8> {
        self.seal_padded(content_type, content, 0)
    }

    /// The same with so many zeros behind it (RFC 8446 section 5.4).
    pub fn seal_padded(&mut self, content_type: u8, content: &[u8], padding: usize) -> Vec<u8> {
        let mut sealed = [content, &[content_type], &vec![0; padding]].concat();
        let len = (sealed.len() + 16) as u16;
        let head = [DATA, 3, 3, (len >> 8) as u8, len as u8];
        let mut nonce = self.iv;
        for (byte, number) in nonce[4..].iter_mut().zip(self.number.to_be_bytes()) {
            *byte ^= number;
        }
        self.number += 1;
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.key.seal_in_place_append_tag(nonce, Aad::from(head), &mut sealed).unwrap();
        [&head[..], &sealed].concat()
    }

    pub fn send(&mut self, content_type: u8, content: &[u8]) {
        let record = self.seal(content_type, content);
        self.socket.write_all(&record).unwrap();
    }
}
