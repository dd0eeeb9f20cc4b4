//! Adapters, layers and protocols that somebody else might write: what the contract lets them express. Each
//! stands in one file.

mod support;

#[path = "extending/answered_later.rs"]
mod answered_later;
#[path = "extending/begotten.rs"]
mod begotten;
#[path = "extending/by_hand.rs"]
mod by_hand;
#[path = "../../../tests/consumers/third-party/tests/conformance/cipher.rs"]
mod cipher;
#[path = "extending/deadlines.rs"]
mod deadlines;
#[path = "extending/last_words.rs"]
mod last_words;
#[path = "extending/layers.rs"]
mod layers;
#[path = "extending/ordered.rs"]
mod ordered;
#[cfg(unix)]
#[path = "extending/peers_without_addresses.rs"]
mod peers_without_addresses;
#[path = "extending/proxied.rs"]
mod proxied;
#[path = "extending/sessions.rs"]
mod sessions;
