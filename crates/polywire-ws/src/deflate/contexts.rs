//! Compression of one connection, as agreed on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::deflate::agreed::Agreed;
use crate::deflate::deflater::{self, Parameters, Place};
use crate::deflate::history::History;
use crate::deflate::inflater::Inflater;
use crate::deflate::{Deflate, MIN_WINDOW_BITS};
use crate::frame::{self, COMPRESSED, MAX_HEADER_BYTES};
use crate::mask;
use crate::role::Role;

static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0);

/// What a connection needs to compress and to inflate.
#[derive(Debug)]
pub(crate) struct Contexts {
    agreed: Agreed,
    parameters: Parameters,
    threshold: usize,
    /// Its own, among all of the process.
    number: u64,
    /// What messages may refer to; empty where they may not.
    sent: Mutex<History>,
    received: Mutex<History>,
}

impl Contexts {
    pub(crate) fn new(config: &Deflate, agreed: &Agreed) -> Self {
        Self {
            agreed: *agreed,
            parameters: Parameters { level: config.level, window_bits: agreed.sent.window_bits },
            threshold: config.threshold,
            number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed),
            sent: Mutex::new(History::new(agreed.sent.window_bits)),
            received: Mutex::new(History::new(agreed.received.window_bits)),
        }
    }

    /// Whether messages that are sent refer to earlier ones, so that their order counts.
    pub(crate) fn is_ordered(&self) -> bool {
        self.agreed.sent.takeover
    }

    /// A number that connections share whose frames are alike; `None` if each is like no other.
    pub(crate) fn framing(&self) -> Option<u64> {
        let parameters =
            u64::from(self.parameters.level) << 4 | u64::from(self.agreed.sent.window_bits);
        // The top is free for what else a frame depends on.
        let threshold = (self.threshold as u64).min((1 << 48) - 1);
        (!self.agreed.sent.takeover).then_some(threshold << 8 | parameters)
    }

    /// Compresses a message and puts its frame, whose first byte is `first` but for what says so. Returns false,
    /// and puts nothing, if the message is to be sent as it is; no later one refers to it then.
    pub(crate) fn write(
        &self,
        role: Role,
        first: u8,
        message: &[u8],
        put: &mut dyn FnMut(&[u8]),
    ) -> bool {
        if message.len() < self.threshold || self.parameters.window_bits < MIN_WINDOW_BITS {
            return false;
        }
        let mut history = self.agreed.sent.takeover.then(|| lock(&self.sent));
        let window = history.as_ref().map_or(&[][..], |history| history.as_slice());
        let place = history
            .as_ref()
            .map(|history| Place { connection: self.number, messages: history.pushed() });
        let is_shorter = deflater::with(self.parameters, place, |deflater| {
            let compressed = deflater.compress(window, place, message);
            compressed.map(|compressed| put(frame(role, first, compressed))).is_some()
        });
        if let Some(history) = history.as_mut().filter(|_| is_shorter) {
            history.push(message);
        }
        is_shorter
    }

    /// An inflater for the next message.
    pub(super) fn inflater(&self) -> Inflater {
        match self.agreed.received.takeover {
            true => Inflater::take(lock(&self.received).as_slice()),
            false => Inflater::take(&[]),
        }
    }

    /// So much was inflated, to which later messages may refer.
    pub(super) fn received(&self, bytes: &[u8]) {
        if self.agreed.received.takeover {
            lock(&self.received).push(bytes);
        }
    }
}

/// Makes a frame of a compressed message that has room for a header in front.
fn frame(role: Role, first: u8, compressed: &mut [u8]) -> &[u8] {
    let key = role.mask_key();
    let (room, payload) = compressed.split_at_mut(MAX_HEADER_BYTES);
    if let Some(key) = key {
        mask::apply(payload, key);
    }
    let mut bytes = [0; MAX_HEADER_BYTES];
    let header = frame::header(first | COMPRESSED, payload.len(), key, &mut bytes);
    let start = room.len() - header.len();
    room[start..].copy_from_slice(header);
    &compressed[start..]
}

/// A panic of another thread has left nothing half done.
fn lock(history: &Mutex<History>) -> MutexGuard<'_, History> {
    history.lock().unwrap_or_else(PoisonError::into_inner)
}
