//! Reading the datagrams that wait: the one place where this crate receives.

use std::array;
use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;

use polywire_core::adapter::Flow;
use quinn_udp::RecvMeta;

/// What a datagram costs of the budget at least, in bytes.
///
/// Each is a call of the program, however short; without this, empty datagrams would be free and
/// their sender could hold the loop for ever. The default budget takes 4,096.
const MIN_COST_BYTES: usize = 256;

/// Errors in a row after which a socket is taken for broken.
///
/// On Linux an ICMP error waits one at a time, so more than a few in a row takes threads that send
/// to a dead peer meanwhile; this many does not happen.
const MAX_ERRORS_IN_A_ROW: usize = 1024;

/// Bytes of room for what is received as one: more than the longest datagram has, or as many as GRO
/// puts together.
const SLOT_BYTES: usize = 64 << 10;

/// Receives that one system call makes at most: as many as the loop's buffer has room for.
const SLOTS_PER_CALL: usize = 4;

/// One in so many datagrams that are received one by one, without the socket being found empty in
/// between, is received with room for a second: if that comes too, they do come in bursts. A peer that
/// answers at once brings as many, one at a time.
const BURST_CHECK_INTERVAL: usize = 16;

/// Whether a call that received less often than it had room for has drained the socket until its
/// next readiness: where it is recvmmsg, and mio polls with epoll or kqueue.
const SHORT_BATCH_DRAINS: bool = cfg!(all(
    not(mio_unsupported_force_poll_poll),
    any(target_os = "android", target_os = "freebsd", target_os = "linux"),
));

/// Where datagrams come from, by one system call each time.
pub(crate) trait Source {
    /// Receives one into `slot`; tells how long it is and who sent it.
    fn receive(&mut self, slot: &mut [u8]) -> io::Result<(usize, SocketAddr)>;

    /// Receives into `slots` as many as wait, and tells of each that was filled what it holds in
    /// `metas`.
    fn receive_batch(
        &mut self,
        slots: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> io::Result<usize>;
}

/// How one call of [`receive_datagrams`] ended.
#[derive(Debug)]
pub(crate) enum ReceiveOutcome {
    /// Nothing is left; the poller tells when there is.
    Drained,
    /// One was delivered; the socket was not checked for more.
    MayHaveMore,
    /// The budget is used up.
    Unfinished,
    /// Whoever the datagrams go to wants no more in this call.
    Stopped,
    /// Every read fails, the last one with this error.
    Broken(io::Error),
}

/// What is known of a socket from one call of [`receive_datagrams`] to the next.
#[derive(Debug, Default)]
pub(crate) struct ReceiveState {
    /// Datagrams that were received together and could not be delivered in the same call. Bounded
    /// by what one system call receives.
    kept: VecDeque<(RecvMeta, Vec<u8>)>,
    /// Whether a burst has come, from which on it is read in batches for good. A lone datagram costs
    /// less without: recvmmsg, and what GRO has to tell, take longer than the call that finds nothing
    /// more. And what GRO put together must not be read without being told so: there is no safe
    /// moment to turn it off.
    in_batches: bool,
    /// Datagrams received one by one since the socket was known to be empty.
    one_by_one: usize,
}

/// One call of [`receive_datagrams`].
struct Receiver<'a, Deliver> {
    receive_state: &'a mut ReceiveState,
    budget: usize,
    single_event: bool,
    spent: usize,
    deliver: Deliver,
}

/// Reads datagrams of `source` until none is left or `budget` bytes are used up, and hands them to
/// `deliver` with their sender, and whether others of the same call follow. Those of a call that it
/// is too late for are kept for the next call.
///
/// They are mostly received one by one until a burst has come, and in batches from then on. Where
/// `single_event`, the call ends behind a datagram that came alone.
///
/// `buffer` is cut into slots of 64 KiB, so nothing is cut off.
///
/// Errors are no end: they tell of an earlier datagram of ours that did not arrive (ICMP, RFC 1122
/// section 4.1.3.3), and those that wait behind must not wait for the next readiness.
#[inline(always)]
pub(crate) fn receive_datagrams(
    buffer: &mut [u8],
    (budget, single_event): (usize, bool),
    receive_state: &mut ReceiveState,
    mut source: impl Source,
    deliver: impl FnMut(SocketAddr, &[u8], bool) -> Flow,
) -> ReceiveOutcome {
    let mut receiver = Receiver { receive_state, budget, single_event, spent: 0, deliver };
    if !receiver.receive_state.kept.is_empty() {
        if let Some(end) = receiver.deliver_kept() {
            return end;
        }
    }
    let mut errors = 0;
    loop {
        let room = receiver.wanted_slots();
        let received = if room == 1 {
            receiver.read_one(buffer, &mut source)
        } else {
            receiver.read_batch(buffer, room, &mut source)
        };
        match received {
            Ok(None) => errors = 0,
            Ok(Some(end)) => return end,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                receiver.receive_state.one_by_one = 0;
                return ReceiveOutcome::Drained;
            }
            Err(error) if errors == MAX_ERRORS_IN_A_ROW => return ReceiveOutcome::Broken(error),
            Err(error) => {
                errors += 1;
                tracing::trace!(%error, "told about an earlier datagram");
            }
        }
    }
}

impl ReceiveState {
    /// Of a socket that is read in batches from the first datagram on, as one that has GRO must be, or not.
    pub(crate) fn new(in_batches: bool) -> Self {
        Self { in_batches, ..Self::default() }
    }

    /// Whether the system may put datagrams together from now on.
    pub(crate) fn is_in_batches(&self) -> bool {
        self.in_batches
    }
}

impl<Deliver: FnMut(SocketAddr, &[u8], bool) -> Flow> Receiver<'_, Deliver> {
    /// How many slots what is left of the budget is good for: in batches two at least, so that a lone
    /// datagram is told to be the last by the call that receives it.
    fn wanted_slots(&self) -> usize {
        if !self.receive_state.in_batches {
            return if self.receive_state.one_by_one < BURST_CHECK_INTERVAL - 1 { 1 } else { 2 };
        }
        (self.budget - self.spent).div_ceil(SLOT_BYTES).clamp(2, SLOTS_PER_CALL)
    }

    /// Reads and hands out one datagram; tells if that ends the call.
    #[inline(always)]
    fn read_one(
        &mut self,
        buffer: &mut [u8],
        source: &mut impl Source,
    ) -> io::Result<Option<ReceiveOutcome>> {
        let slot = buffer.len().min(SLOT_BYTES);
        let (len, from) = source.receive(&mut buffer[..slot])?;
        self.receive_state.one_by_one += 1;
        let end = self.deliver(from, &buffer[..len], false).err();
        Ok(end.or_else(|| self.single_event.then_some(ReceiveOutcome::MayHaveMore)))
    }

    /// Reads and hands out as many datagrams as come by one call with so much room.
    #[inline(never)] // Not in the way of lone datagrams.
    fn read_batch(
        &mut self,
        buffer: &mut [u8],
        room: usize,
        source: &mut impl Source,
    ) -> io::Result<Option<ReceiveOutcome>> {
        let mut metas = [RecvMeta::default(); SLOTS_PER_CALL];
        let mut chunks = buffer.chunks_mut(SLOT_BYTES);
        let room = room.min(chunks.len());
        let mut slots: [_; SLOTS_PER_CALL] =
            array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let count = source.receive_batch(&mut slots[..room], &mut metas)?;
        self.receive_state.in_batches |= count > 1;
        self.receive_state.one_by_one = 0;
        let end = self.deliver_slots(buffer.chunks(SLOT_BYTES).zip(&metas[..count]));
        let has_drained = SHORT_BATCH_DRAINS && count < room;
        Ok(end.or_else(|| has_drained.then_some(ReceiveOutcome::Drained)))
    }

    #[inline(never)]
    fn deliver_kept(&mut self) -> Option<ReceiveOutcome> {
        while let Some((meta, bytes)) = self.receive_state.kept.pop_front() {
            let more = !self.receive_state.kept.is_empty();
            if let Err((end, rest)) = self.deliver_slot(&meta, &bytes, more) {
                if !rest.is_empty() {
                    self.receive_state.kept.push_front(keep(&meta, rest));
                }
                return Some(end);
            }
        }
        None
    }

    fn deliver_slots<'s>(
        &mut self,
        slots: impl ExactSizeIterator<Item = (&'s [u8], &'s RecvMeta)>,
    ) -> Option<ReceiveOutcome> {
        let mut left = slots.len();
        let mut end = None;
        for (slot, meta) in slots {
            left -= 1;
            let bytes = &slot[..meta.len];
            if end.is_some() {
                self.receive_state.kept.push_back(keep(meta, bytes));
            } else if let Err((ended, rest)) = self.deliver_slot(meta, bytes, left > 0) {
                end = Some(ended);
                if !rest.is_empty() {
                    self.receive_state.kept.push_back(keep(meta, rest));
                }
            }
        }
        end
    }

    /// Hands out the datagrams of a slot; if the call ends on the way, tells how, and the rest.
    fn deliver_slot<'s>(
        &mut self,
        meta: &RecvMeta,
        bytes: &'s [u8],
        others_follow: bool,
    ) -> Result<(), (ReceiveOutcome, &'s [u8])> {
        let mut rest = bytes;
        loop {
            let datagram;
            (datagram, rest) = rest.split_at(rest.len().min(meta.stride.max(1)));
            let more = !rest.is_empty() || others_follow;
            if let Err(end) = self.deliver(meta.addr, datagram, more) {
                return Err((end, rest));
            }
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    /// Hands out a datagram, which `more` follow; tells if it is the last of the call.
    #[inline(always)]
    fn deliver(
        &mut self,
        from: SocketAddr,
        datagram: &[u8],
        more: bool,
    ) -> Result<(), ReceiveOutcome> {
        self.spent += datagram.len().max(MIN_COST_BYTES);
        // A datagram beyond the budget is not for this call: the loop serves others first.
        let is_last = self.spent >= self.budget;
        if (self.deliver)(from, datagram, more && !is_last) == Flow::Stop {
            return Err(ReceiveOutcome::Stopped);
        }
        if is_last { Err(ReceiveOutcome::Unfinished) } else { Ok(()) }
    }
}

fn keep(meta: &RecvMeta, bytes: &[u8]) -> (RecvMeta, Vec<u8>) {
    (*meta, bytes.to_vec())
}

#[cfg(test)]
#[path = "receiving_tests.rs"]
mod tests;
