//! What few connections have at a time.

use std::cell::Cell;
use std::thread_local;
use std::time::Instant;

use crate::assembler::Assembler;
use crate::close::Close;
use crate::ping::Pings;
use crate::streamer::Streamer;

/// Set apart, so that the many connections that are open and idle have no memory for it, and their messages pass
/// it by one look.
#[derive(Debug, Default)]
pub(crate) struct Transient {
    /// The fragments of a message, while there are any.
    pub(crate) assembler: Option<Assembler>,
    /// Hands messages out in pieces, where that is asked for.
    pub(crate) streamer: Option<Streamer>,
    pub(crate) pings: Pings,
    /// How the program wants it closed once it is ready.
    pub(crate) close: Option<Close>,
    /// When this side closes it.
    pub(crate) ends_at: Option<Instant>,
}

thread_local! {
    /// One that this thread has no use for just now. A thread that ends has none any more.
    static SPARE: Cell<Option<Box<Transient>>> = const { Cell::new(None) };
}

impl Transient {
    /// The one of a connection, which gets one if it has none.
    pub(crate) fn get_or_take(slot: &mut Option<Box<Self>>) -> &mut Self {
        slot.get_or_insert_with(|| SPARE.try_with(Cell::take).ok().flatten().unwrap_or_default())
    }

    /// Keeps an empty one for the next connection.
    pub(crate) fn give_back(self: Box<Self>) {
        let _ = SPARE.try_with(|spare| spare.set(Some(self)));
    }

    /// Whether a message may come in one frame, and is handed out as it is.
    #[inline]
    pub(crate) fn takes_whole_messages(&self) -> bool {
        self.assembler.is_none() && self.streamer.is_none()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.assembler.is_none()
            && self.streamer.is_none()
            && self.pings.is_empty()
            && self.close.is_none()
            && self.ends_at.is_none()
    }
}
