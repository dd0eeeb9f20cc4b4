//! One direction of a connection: any thread sends into it, and the peer's loop takes out of it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use polywire_core::adapter::{Broadcast, MessageQueue, SendFlags, Sender};
use polywire_core::bytes::Bytes;
use polywire_core::network::SendStatus;
use polywire_core::{CloseReason, Endpoint, Limits, MessageKind, Notifier, Readiness};

use crate::links::{Links, Mode, lock};
use crate::parcels::{Next, OVERHEAD_BYTES, Parcel, Parcels};
use crate::random::Random;

/// Bytes that a message may have at most: 64 MiB. `send` answers `MaxPacketSizeExceeded` to a longer one.
pub const MAX_MESSAGE_LEN: usize = 64 << 20;

/// Those under way that a message overtakes at most.
const MAX_OVERTAKEN: usize = 8;

pub(crate) struct Pipe {
    queue: MessageQueue<Parcels>,
    links: Arc<Links>,
    mode: Mode,
    /// Who sends, and who takes.
    sides: (Arc<str>, Arc<str>),
    dice: Mutex<Dice>,
    /// The taking end is notified when a partition is healed.
    waits_for_heal: Arc<AtomicBool>,
}

/// What decides how what is sent fares.
struct Dice {
    random: Random,
    /// Of the sender's loop, which knows the time.
    sender: Option<Notifier>,
}

/// How a message fares.
struct Fate {
    copies: usize,
    overtaken: usize,
    due: Option<Instant>,
}

/// What the taking end finds where nothing has arrived.
pub(crate) enum Found {
    /// It arrives then.
    Due(Instant),
    /// Nothing, until it is notified.
    Nothing,
    Ended(CloseReason),
}

impl Pipe {
    pub(crate) fn new(
        (links, mode): (&Arc<Links>, Mode),
        (from, to): (&Arc<str>, &Arc<str>),
        limits: Arc<Limits>,
        random: Random,
    ) -> Arc<Self> {
        Arc::new(Self {
            queue: MessageQueue::new(limits),
            links: Arc::clone(links),
            mode,
            sides: (Arc::clone(from), Arc::clone(to)),
            dice: Mutex::new(Dice { random, sender: None }),
            waits_for_heal: Arc::default(),
        })
    }

    /// What is under way.
    pub(crate) fn queue(&self) -> &MessageQueue<Parcels> {
        &self.queue
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// The loop that sends, from now on.
    pub(crate) fn set_sender(&self, sender: Notifier) {
        lock(&self.dice).sender = Some(sender.clone());
        self.queue.set_notifier(sender);
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.links.is_cut(self.ends())
    }

    /// Runs `go_on` when there is no partition between the two ends: now, or once it is healed. Returns whether that was now.
    pub(crate) fn when_whole(&self, go_on: impl FnOnce() + Send + 'static) -> bool {
        let now = self.links.hold(self.ends(), go_on);
        let is_whole = now.is_some();
        now.into_iter().for_each(|go_on| go_on());
        is_whole
    }

    fn ends(&self) -> (&str, &str) {
        (&self.sides.0, &self.sides.1)
    }

    /// Takes the next message that has arrived by `now`, or what there is in its place; `reader` is notified when there
    /// may be more.
    pub(crate) fn take(
        &self,
        reader: Option<&Notifier>,
        now: impl FnOnce() -> Instant,
    ) -> Result<Parcel, Found> {
        self.find(reader, || self.queue.take(|parcels| parcels.next(now)))
    }

    /// How many bytes of a stream have arrived by `now`, up to `most`, for [`read`](Self::read), or what there is in their
    /// place; `reader` is notified when there may be more.
    pub(crate) fn arrived(
        &self,
        (reader, most): (Option<&Notifier>, usize),
        now: impl Fn() -> Instant,
    ) -> Result<usize, Found> {
        if self.waits_for_heal(reader) {
            return Err(Found::Nothing);
        }
        self.find(reader, || self.queue.take(|parcels| parcels.arrived(most, now)))
    }

    /// Takes bytes that have [arrived](Self::arrived). Returns how many: fewer where they were thrown away.
    pub(crate) fn read(&self, into: &mut [u8]) -> usize {
        self.queue.take(|parcels| parcels.read(into))
    }

    fn find<T>(
        &self,
        reader: Option<&Notifier>,
        look: impl FnOnce() -> Next<T>,
    ) -> Result<T, Found> {
        // Asked before: what was sent before the end is there when it is seen.
        let is_over = self.queue.is_over();
        Err(match look() {
            Next::Arrived(found) => return Ok(found),
            Next::Due(due) => Found::Due(due),
            Next::Nothing if !is_over || self.waits_for_heal(reader) => Found::Nothing,
            Next::Nothing => Found::Ended(match self.queue.failure() {
                Some(_) => CloseReason::Reset,
                None => CloseReason::PeerClosed,
            }),
        })
    }

    /// Whether the ends are cut off, so that `reader` is notified when they are not.
    fn waits_for_heal(&self, reader: Option<&Notifier>) -> bool {
        if !self.is_cut() {
            return false;
        }
        let Some(reader) = reader.cloned() else { return true };
        if self.waits_for_heal.swap(true, Ordering::AcqRel) {
            return true; // Once is enough.
        }
        let waits = Arc::clone(&self.waits_for_heal);
        let is_whole = self.links.hold(self.ends(), move || {
            waits.store(false, Ordering::Release);
            reader.notify(Readiness::READABLE);
        });
        if is_whole.is_some() {
            self.waits_for_heal.store(false, Ordering::Release);
        }
        is_whole.is_none()
    }

    /// How many of the bytes that have arrived one read takes: drawn by the seed, where streams are cut.
    pub(crate) fn draw_cut(&self, len: usize) -> usize {
        let Some(conditions) = self.links.conditions().filter(|_| len > 1) else { return len };
        let random = &mut lock(&self.dice).random;
        if random.chance(conditions.cuts) { 1 + random.below(len - 1) } else { len }
    }

    fn draw_fate(&self) -> Fate {
        let Some(conditions) = self.links.conditions() else { return Fate::PLAIN };
        let Dice { random, sender } = &mut *lock(&self.dice);
        let delay = conditions.draw_delay(random);
        let due = delay.zip(sender.as_ref()).and_then(|(delay, it)| it.now().checked_add(delay));
        if self.mode == Mode::Stream {
            return Fate { due, ..Fate::PLAIN };
        }
        if random.chance(conditions.loss) || self.is_cut() {
            self.links.count_lost();
            return Fate { copies: 0, ..Fate::PLAIN };
        }
        let copies = if random.chance(conditions.duplication) { 2 } else { 1 };
        let overtakes = random.chance(conditions.reordering);
        let overtaken = if overtakes { 1 + random.below(MAX_OVERTAKEN) } else { 0 };
        Fate { copies, overtaken, due }
    }

    fn give(
        &self,
        (len, kind): (usize, MessageKind),
        may_wait: bool,
        bytes: impl FnOnce() -> Bytes,
    ) -> SendStatus {
        if len > MAX_MESSAGE_LEN && self.mode == Mode::Messages {
            return SendStatus::MaxPacketSizeExceeded;
        }
        let Fate { copies, overtaken, due } = self.draw_fate();
        if copies == 0 || (len == 0 && self.mode == Mode::Stream) {
            let is_over = self.queue.is_over();
            return if is_over { SendStatus::ResourceNotFound } else { SendStatus::Sent };
        }
        let parcel = Parcel { bytes: bytes(), kind, due };
        self.queue.push((copies * (len + OVERHEAD_BYTES), may_wait), move |parcels| {
            let mut is_next = false;
            for _ in 1..copies {
                is_next |= parcels.insert(parcel.clone(), overtaken);
            }
            parcels.insert(parcel, overtaken) || is_next
        })
    }
}

impl Fate {
    const PLAIN: Self = Self { copies: 1, overtaken: 0, due: None };
}

impl Sender for Pipe {
    fn attach(&self, notifier: Notifier) {
        self.set_sender(notifier);
    }

    fn send(&self, _: &Endpoint, message: &[u8], flags: SendFlags) -> SendStatus {
        let of = (message.len(), flags.kind);
        self.give(of, true, || Bytes::copy_from_slice(message))
    }

    fn try_send(&self, _: &Endpoint, message: &[u8], flags: SendFlags) -> SendStatus {
        let of = (message.len(), flags.kind);
        self.give(of, false, || Bytes::copy_from_slice(message))
    }

    fn send_shared(&self, _: &Endpoint, broadcast: &Broadcast<'_>) -> SendStatus {
        let message = broadcast.message();
        let bytes = broadcast.frame::<Self>(0, |frame| {
            frame.extend_from_slice(message.bytes);
            Ok(())
        });
        match bytes {
            Ok(bytes) => self.give((bytes.len(), message.kind), false, || bytes),
            Err(refusal) => refusal,
        }
    }

    fn send_owned(&self, _: &Endpoint, message: &Bytes, kind: MessageKind) -> SendStatus {
        self.give((message.len(), kind), true, || message.clone())
    }

    fn queued(&self) -> usize {
        self.queue.queued()
    }

    /// Below the soft mark nobody has to see to it that the peer takes what waits: it is where it belongs.
    fn taken(&self) -> Option<u64> {
        let taken = self.queue.taken()?;
        (self.queue.queued() > self.queue.limits().outbox_soft_mark).then_some(taken)
    }

    fn when_writable(&self, tell: Box<dyn FnOnce() + Send>) {
        self.queue.when_writable(tell);
    }

    fn abort(&self, reason: CloseReason) {
        self.queue.abort(reason);
    }

    fn wake(&self) {
        self.queue.wake();
    }

    fn end(&self) {
        self.queue.end();
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipe").field("sides", &self.sides).finish_non_exhaustive()
    }
}
