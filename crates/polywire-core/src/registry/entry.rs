//! What any thread knows of one listener or connection.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use crate::adapter::Sender;
use crate::address::{Profile, RemoteAddr};
use crate::endpoint::{Endpoint, ResourceId, ResourceType};
use crate::limits::Limits;
use crate::message::MessageKind;
use crate::sync::SlimArc;
use crate::sync::atomic::{AtomicBool, AtomicU8, Ordering};

const OPENING: u8 = 0;
const READY: u8 = 1;
const OVER: u8 = 2;

/// How far an entry is in its life. It goes forward, but for connections
/// that are opened again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryState {
    /// Connecting or shaking hands: sends are queued.
    Opening,
    /// Messages flow.
    Ready,
    /// Removed or ended: the program is told nothing more of it.
    Over,
}

/// What any thread knows of one listener or connection.
pub(crate) struct Entry {
    pub(crate) id: ResourceId,
    /// Whom it talks to, or where it listens, and its limits.
    pub(crate) profile: Profile<Arc<Limits>>,
    /// `None` for listeners that have connections.
    pub(crate) sender: Option<Arc<dyn Sender>>,
    state: AtomicU8,
    /// The program wants nothing read from it just now.
    paused: AtomicBool,
    /// Bytes kept of messages that have begun to arrive, at least 1 inside of one; written by the loop,
    /// and by whoever gives the endpoint up.
    half_received: AtomicU32,
    /// The number of the kind of message that came last.
    kind: AtomicU8,
    /// It is connected to another address than `addr`; the registry knows which.
    is_elsewhere: AtomicBool,
}

/// Whether it is UTF-8. Mostly it is ASCII, and to find that of a short text takes a fifth of the time.
#[inline(never)] // Not in the way of binary messages.
fn is_text(message: &[u8]) -> bool {
    message.is_ascii() || std::str::from_utf8(message).is_ok()
}

/// An entry, shared by the registry, the loop and whoever looks it up. Nobody needs it weakly, and so
/// no memory is spent on that.
pub(crate) type SharedEntry = SlimArc<Entry>;

impl Entry {
    /// What `new` becomes in that slot and generation.
    #[inline]
    pub(super) fn new(new: NewEntry, (index, generation): (u32, u32)) -> Self {
        let initial = match new.kind {
            ResourceType::Local => READY,
            ResourceType::Remote => OPENING,
        };
        Self {
            id: ResourceId::new(new.tag, new.kind, index, generation),
            profile: Profile::new(new.addr, new.limits),
            sender: new.sender,
            state: AtomicU8::new(initial),
            paused: AtomicBool::new(false),
            half_received: AtomicU32::new(0),
            is_elsewhere: AtomicBool::new(false),
            kind: AtomicU8::new(MessageKind::UNSPECIFIED.number()),
        }
    }

    #[inline]
    pub(crate) fn limits(&self) -> &Arc<Limits> {
        self.profile.limits()
    }

    #[inline]
    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }

    /// A message of that kind came.
    #[inline]
    pub(crate) fn note_kind(&self, kind: MessageKind) {
        if self.kind.load(Ordering::Relaxed) != kind.number() {
            self.kind.store(kind.number(), Ordering::Relaxed);
        }
    }

    /// The kind of message that came last.
    #[inline(always)]
    pub(crate) fn kind(&self) -> MessageKind {
        MessageKind::new(self.kind.load(Ordering::Relaxed))
    }

    /// The endpoint has another connection, whose peer has sent nothing yet.
    pub(crate) fn forget_kind(&self) {
        self.kind.store(MessageKind::UNSPECIFIED.number(), Ordering::Relaxed);
    }

    /// The kind in which `message` is sent where the program does not say: that of the peer's last one, but not
    /// text for what is none. Kinds of an adapter's own, such as a piece of a message, are none to answer in.
    #[inline(always)]
    pub(crate) fn answer_kind(&self, message: &[u8]) -> MessageKind {
        match self.kind() {
            MessageKind::BINARY => MessageKind::BINARY,
            MessageKind::TEXT if !is_text(message) => MessageKind::BINARY,
            kind if kind.number() >= MessageKind::FIRST_CUSTOM => MessageKind::UNSPECIFIED,
            kind => kind,
        }
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Release);
    }

    #[inline]
    pub(crate) fn half_received(&self) -> u32 {
        self.half_received.load(Ordering::Relaxed)
    }

    /// Bytes kept from now on of what has begun to arrive. Returns how many were.
    pub(crate) fn set_half_received(&self, bytes: u32) -> u32 {
        self.half_received.swap(bytes, Ordering::Relaxed)
    }

    /// Whether messages for `endpoint` may be sent by it, at the address that it was made with.
    #[inline(always)]
    pub(super) fn takes(&self, endpoint: &Endpoint) -> bool {
        !self.is_over() && (self.id.is_local() || self.profile.is_of(endpoint))
    }

    #[inline]
    pub(super) fn is_elsewhere(&self) -> bool {
        self.is_elsewhere.load(Ordering::Acquire)
    }

    #[inline]
    pub(super) fn set_elsewhere(&self, is_elsewhere: bool) {
        self.is_elsewhere.store(is_elsewhere, Ordering::Release);
    }

    /// Bytes that the node holds for it.
    pub(crate) fn held(&self) -> usize {
        let queued = self.sender.as_ref().map_or(0, |sender| sender.queued());
        queued.saturating_add(self.half_received() as usize)
    }

    /// The endpoint of the peer at `addr` that this listener heard of.
    #[inline]
    pub(crate) fn endpoint_of(&self, addr: SocketAddr) -> Endpoint {
        Endpoint::new(self.id, addr)
    }

    #[inline]
    pub(crate) fn state(&self) -> EntryState {
        state_of(self.state.load(Ordering::Acquire))
    }

    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.state() == EntryState::Over
    }

    /// Makes it ready unless it is already; false if the program removed it meanwhile.
    pub(crate) fn become_ready(&self) -> bool {
        let change = (OPENING, READY);
        let changed =
            self.state.compare_exchange(change.0, change.1, Ordering::AcqRel, Ordering::Acquire);
        matches!(changed, Ok(_) | Err(READY))
    }

    /// Goes from ready back to opening, to be connected again; false if the program removed it
    /// meanwhile.
    pub(crate) fn reopen(&self) -> bool {
        self.state.compare_exchange(READY, OPENING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Ends it unless it is ready by now, and tells whether it did.
    pub(crate) fn end_unless_ready(&self) -> bool {
        let changed =
            self.state.compare_exchange(OPENING, OVER, Ordering::AcqRel, Ordering::Acquire);
        if let (Ok(_), Some(sender)) = (changed, &self.sender) {
            sender.end();
        }
        changed != Err(READY)
    }

    /// Ends it and tells how far it was: of all threads that end it, one is told another state
    /// than [`EntryState::Over`], and it alone has to tell the program or the loop.
    pub(crate) fn end(&self) -> EntryState {
        let before = state_of(self.state.swap(OVER, Ordering::AcqRel));
        if let Some(sender) = &self.sender {
            sender.end();
        }
        before
    }
}

fn state_of(number: u8) -> EntryState {
    match number {
        OPENING => EntryState::Opening,
        READY => EntryState::Ready,
        _ => EntryState::Over,
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("id", &self.id)
            .field("profile", &self.profile)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// What an entry is made of.
pub(crate) struct NewEntry {
    pub(crate) tag: u8,
    pub(crate) kind: ResourceType,
    pub(crate) addr: RemoteAddr,
    pub(crate) limits: Arc<Limits>,
    pub(crate) sender: Option<Arc<dyn Sender>>,
}
