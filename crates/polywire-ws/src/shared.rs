//! What the two halves of a connection know of it.

use std::any::TypeId;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use polywire_core::MessageKind;
use polywire_core::adapter::Info;

use crate::deflate::agreed::Agreed;
use crate::deflate::contexts::Contexts;
use crate::ping::RoundTrip;
use crate::request::WsRequest;
use crate::response::WsResponse;
use crate::sequence::Sequence;
use crate::settings::Settings;

/// What the half that reads and the half that writes share.
///
/// All connections of a listener share one, unless its settings ask for facts of each: so a connection of
/// which nobody wants to know anything owns no memory for it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    facts: Option<Facts>,
    /// Whether there are contexts to compress, to be asked for each message.
    deflates: AtomicBool,
}

/// What is known of one connection, and may be asked on any thread.
#[derive(Debug)]
pub(crate) struct Facts {
    /// The request that was accepted.
    request: OnceLock<Arc<WsRequest>>,
    /// What the program keeps with it.
    value: OnceLock<Info>,
    /// The answer of a server, once it has accepted.
    pub(crate) response: OnceLock<Arc<WsResponse>>,
    round_trip: Mutex<Option<RoundTrip>>,
    /// Of the messages that the program sends in pieces.
    pub(crate) sequence: Sequence,
    /// The [`MessageKind`] of the peer's last message, where messages come in pieces.
    received: AtomicU8,
    /// Once the handshake has agreed on it.
    deflate: OnceLock<Box<Contexts>>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            request: OnceLock::new(),
            value: OnceLock::new(),
            response: OnceLock::new(),
            round_trip: Mutex::default(),
            sequence: Sequence::default(),
            received: AtomicU8::new(MessageKind::UNSPECIFIED.number()),
            deflate: OnceLock::new(),
        }
    }
}

impl Facts {
    /// A message begins that may come in pieces, text or binary: no piece but the first tells which.
    pub(crate) fn note_received(&self, kind: MessageKind) {
        self.received.store(kind.number(), Ordering::Relaxed);
    }

    /// The kind of the peer's last message, where messages come in pieces.
    pub(crate) fn received(&self) -> MessageKind {
        MessageKind::new(self.received.load(Ordering::Relaxed))
    }

    /// The program has accepted `request`, and keeps `value`.
    pub(crate) fn note_request(&self, request: WsRequest, value: Option<Info>) {
        let _ = self.request.set(Arc::new(request));
        if let Some(value) = value {
            let _ = self.value.set(value);
        }
    }

    pub(crate) fn set_round_trip(&self, trip: RoundTrip) {
        *self.round_trip.lock().unwrap_or_else(PoisonError::into_inner) = Some(trip);
    }

    fn round_trip(&self) -> Option<RoundTrip> {
        *self.round_trip.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn info(&self, type_id: TypeId) -> Option<Info> {
        if type_id == TypeId::of::<WsRequest>() {
            return Some(Arc::<WsRequest>::clone(self.request.get()?));
        }
        if type_id == TypeId::of::<WsResponse>() {
            return Some(Arc::<WsResponse>::clone(self.response.get()?));
        }
        if type_id == TypeId::of::<RoundTrip>() {
            return Some(Arc::new(self.round_trip()?));
        }
        self.value.get().filter(|value| (***value).type_id() == type_id).cloned()
    }
}

impl Shared {
    /// For many connections, of which nothing is kept.
    pub(crate) fn of_many(settings: Settings) -> Self {
        Self::new(settings, None)
    }

    /// For one connection.
    pub(crate) fn of_one(settings: Settings) -> Self {
        Self::new(settings, Some(Facts::default()))
    }

    fn new(settings: Settings, facts: Option<Facts>) -> Self {
        Self { settings, facts, deflates: AtomicBool::new(false) }
    }

    /// Makes one for each connection, or one for all of a listener.
    pub(crate) fn for_listener(settings: Settings) -> impl Fn() -> Arc<Self> + Send + 'static {
        let keeps_facts = settings.keeps_facts;
        let of_all = Arc::new(Self::of_many(settings));
        move || match keeps_facts {
            true => Arc::new(Self::of_one(of_all.settings.clone())),
            false => Arc::clone(&of_all),
        }
    }

    /// `None` where nothing is kept of single connections.
    pub(crate) fn facts(&self) -> Option<&Facts> {
        self.facts.as_ref()
    }

    /// The handshake has agreed to compress.
    pub(crate) fn begin_to_deflate(&self, agreed: &Agreed) {
        if let (Some(config), Some(facts)) = (&self.settings.deflate, &self.facts) {
            facts.deflate.get_or_init(|| Box::new(Contexts::new(config, agreed)));
            self.deflates.store(true, Ordering::Release);
        }
    }

    /// Whether messages are compressed. It is settled before they flow.
    #[inline(always)]
    pub(crate) fn deflates(&self) -> bool {
        self.deflates.load(Ordering::Acquire)
    }

    /// `None` where messages are not compressed.
    pub(crate) fn deflate(&self) -> Option<&Contexts> {
        self.facts.as_ref()?.deflate.get().map(Box::as_ref)
    }

    /// As [`Encoder::info`](polywire_core::stream::Encoder::info).
    pub(crate) fn info(&self, type_id: TypeId) -> Option<Info> {
        self.facts()?.info(type_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the documents say: some 300 bytes for each connection, of which something is kept, and with compression as well.
    #[test]
    fn what_is_kept_of_a_connection_is_some_300_bytes() {
        let size = size_of::<Shared>();
        assert!((200..=320).contains(&size), "{size}");
    }
}
