//! The one loop: wait, dispatch, deliver, flush, fire.
//!
//! Everything a connection or a listener does is driven from here, by whichever thread runs the
//! loop. Handles never touch a resource; they leave commands.

mod activity;
mod admission;
mod admitting;
pub(crate) mod blame;
mod closing;
mod coalescing;
mod commands;
mod deadlines;
mod delivery;
mod drivers;
mod driving;
mod faults;
mod flushing;
mod listening;
mod opening;
mod pending;
mod reconnecting;
mod resource;
mod time_slice;
mod timeouts;
mod transfer;
mod watching;
mod wishes;

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::adapter::{Connection, Io, Registration, Wishes};
use crate::close_reason::CloseReason;
use crate::endpoint::{Endpoint, ResourceId};
use crate::net_event::NetEvent;
use crate::poller::{AnyPoller, Poller, token_of};
use crate::readiness::Readiness;
use crate::send_hint::begin_callback;
use crate::shared::Shared;

use admission::Admissions;
use blame::{Culprit, NoteOnPanic, blame};
use coalescing::Coalescing;
use deadlines::Deadlines;
use drivers::Drivers;
use pending::Pending;
use resource::{Resource, Stage};

pub(crate) use time_slice::TimeSlice;

/// Bytes of the buffer that every read of the loop goes to.
const BUFFER_BYTES: usize = 256 << 10;
/// Bytes that a turn reads of all connections together, shared out evenly among those that are ready:
/// whoever sends little waits for no more than this, however many others flood.
const TURN_READ_BUDGET: usize = 1 << 20;
/// The least that a connection may take in a turn.
const MIN_SHARE_BYTES: usize = 64 << 10;
/// Times in a row that the loop reads on without asking the poller. Each brings little, so others wait
/// no longer than for a full turn.
const MAX_POLLS_SKIPPED: usize = 16;

/// The program's callback, or what stands for it: any closure that takes events.
pub(crate) type Callback<'a> = &'a mut dyn EventHandler;

pub(crate) trait EventHandler {
    /// Called before an event is taken from where it waits: delivers what goes ahead of it, which may
    /// remove or pause what the event is about. Returns whether an event is still wanted.
    fn prepare(&mut self) -> bool;

    fn event(&mut self, event: NetEvent<'_>);

    /// A message: the event is made where the closure takes it, and not carried there.
    fn message(&mut self, endpoint: &Endpoint, message: &[u8]);
}

impl<F: FnMut(NetEvent<'_>)> EventHandler for F {
    fn prepare(&mut self) -> bool {
        true
    }

    fn event(&mut self, event: NetEvent<'_>) {
        blame(Culprit::Program, || self(event));
    }

    fn message(&mut self, endpoint: &Endpoint, message: &[u8]) {
        blame(Culprit::Program, || self(NetEvent::Message(*endpoint, message)));
    }
}

/// How long a turn may wait for the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Something else is to be done.
    No,
    Until(Instant),
    Forever,
}

pub(crate) struct EventLoop {
    shared: Arc<Shared>,
    poller: AnyPoller,
    /// By slot of their id.
    resources: Vec<Option<Resource>>,
    /// Resources with readiness that was not served yet, each once.
    ready: VecDeque<ResourceId>,
    /// Whether none of them was told to be ready: an adapter said that there may be more.
    only_may_have_more: bool,
    /// Times in a row that an adapter took nothing and had not finished.
    unfinished: usize,
    /// Times in a row that the loop has read on without asking the poller.
    polls_skipped: usize,
    /// Whether turns are for a program that goes on as soon as it has one event.
    single_event: bool,
    deadlines: Deadlines,
    admissions: Admissions,
    drivers: Drivers,
    /// What the adapter called last asked for.
    wishes: Wishes,
    /// Connections that came with the messages of another one.
    accepted: Vec<Connection>,
    coalescing: Coalescing,
    /// When the poller told of `polled`, if there are deadlines.
    told_at: Option<Instant>,
    slice: TimeSlice,
    buffer: Box<[u8]>,
    /// Bytes that each resource may read in this turn.
    share: usize,
    /// What the poller told and has not been served, or not to its end.
    polled: Vec<(usize, Readiness)>,
    /// Set while the program can't be told: events are kept, and connections that are ready are
    /// not read, so that the kernel keeps what they carry.
    holding: bool,
    /// Whether events may be kept of the time that ended with this.
    has_kept_events: bool,
    held: BTreeSet<ResourceId>,
}

impl EventLoop {
    pub(crate) fn new(shared: Arc<Shared>, poller: AnyPoller) -> Self {
        Self {
            shared,
            poller,
            resources: Vec::new(),
            ready: VecDeque::new(),
            only_may_have_more: false,
            unfinished: 0,
            polls_skipped: 0,
            single_event: false,
            deadlines: Deadlines::default(),
            admissions: Admissions::default(),
            drivers: Drivers::default(),
            wishes: Wishes::default(),
            accepted: Vec::new(),
            coalescing: Coalescing::default(),
            told_at: None,
            slice: TimeSlice::endless(),
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            share: TURN_READ_BUDGET,
            polled: Vec::new(),
            holding: false,
            has_kept_events: false,
            held: BTreeSet::new(),
        }
    }

    /// One turn: waits as long as `wait` says and nothing happens, then serves what is ready once. What
    /// may have more to read is read first, and nobody waits if that brings something.
    ///
    /// # Errors
    ///
    /// The poller's; nothing can be served after one.
    #[inline]
    pub(crate) fn turn<H: EventHandler>(
        &mut self,
        wait: &dyn Fn() -> Wait,
        callback: &mut H,
    ) -> io::Result<()> {
        if self.has_kept_events {
            self.deliver_kept_events(callback);
        }
        self.drain_commands(callback);
        if self.must_stop() {
            return Ok(());
        }
        loop {
            let reads_on = self.reads_on(wait);
            let is_left = !self.polled.is_empty();
            if !reads_on {
                self.poll(wait)?;
            }
            // What is known by now is served before a deadline of now means anything.
            let now = if is_left { self.told_at } else { self.time_for_deadlines() };
            self.told_at = now;
            self.drain_commands(callback);
            self.flush_coalesced();
            self.serve_ready(callback);
            if self.polled.is_empty() {
                self.fire_deadlines(now, callback);
            }
            // Who read on and found nothing has yet to wait.
            if !reads_on || !self.ready.is_empty() || self.must_stop() {
                return Ok(());
            }
        }
    }

    /// Whether the turns to come are for a program that goes on as soon as it has one event: adapters
    /// need not ask then whether there is more to read, and the next turn reads on before it asks the
    /// poller.
    pub(crate) fn set_single_event(&mut self, single_event: bool) {
        self.single_event = single_event;
    }

    /// Bounds the time of the turns to come: what they leave is served by the next ones.
    pub(crate) fn bound_turns(&mut self) {
        self.slice = TimeSlice::new();
    }

    /// Whether this turn reads on where there may be more, rather than to ask the poller.
    #[inline]
    fn reads_on(&mut self, wait: &dyn Fn() -> Wait) -> bool {
        let reads_on = !self.ready.is_empty()
            && self.only_may_have_more
            && self.polls_skipped < MAX_POLLS_SKIPPED
            && !self.holding
            && wait() != Wait::No;
        self.polls_skipped = if reads_on { self.polls_skipped + 1 } else { 0 };
        reads_on
    }

    /// Runs the loop without telling the program anything until `done` or `until`: events wait in
    /// the node, messages in the kernel, unless nobody will ever ask for them.
    pub(crate) fn run_unheard(
        &mut self,
        until: Option<Instant>,
        done: impl Fn() -> bool,
    ) -> io::Result<()> {
        self.holding = !self.shared.notifications.is_abandoned();
        // A connect may be refused, and so done, before there is anything to wait for.
        let wait = || match until {
            _ if done() => Wait::No,
            Some(until) => Wait::Until(until),
            None => Wait::Forever,
        };
        let is_over = || until.is_some_and(|until| Instant::now() >= until);
        let mut result = Ok(());
        while result.is_ok() && !done() && !is_over() && !self.shared.is_stopping() {
            result = self.turn_unheard(&wait);
        }
        self.stop_holding();
        result
    }

    /// Does what handles asked for while nobody runs the loop.
    pub(crate) fn drain_commands_holding(&mut self) {
        self.holding = !self.shared.notifications.is_abandoned();
        self.outlive_adapters(&mut |_: NetEvent<'_>| {}, |it, callback| {
            it.drain_commands(callback);
        });
        self.stop_holding();
    }

    /// Serves what is ready now without telling the program anything, while nobody runs the loop.
    pub(crate) fn go_on_unheard(&mut self) {
        self.holding = !self.shared.notifications.is_abandoned();
        if let Err(error) = self.turn_unheard(&|| Wait::No) {
            tracing::debug!(%error, "the network can't be polled"); // Whoever runs the loop is told.
        }
        self.stop_holding();
    }

    /// One turn, of which the program is told nothing.
    fn turn_unheard(&mut self, wait: &dyn Fn() -> Wait) -> io::Result<()> {
        self.outlive_adapters(&mut |_: NetEvent<'_>| {}, |it, callback| it.turn(wait, callback))
    }

    fn stop_holding(&mut self) {
        self.holding = false;
        for id in std::mem::take(&mut self.held) {
            self.mark_ready(id, Readiness::default());
        }
    }

    /// Whether the turn must end after the event in hand.
    #[inline]
    fn must_stop(&self) -> bool {
        self.shared.is_stopping() && !self.holding
    }

    #[inline(never)] // Only behind a `connect_sync`.
    fn deliver_kept_events(&mut self, callback: Callback<'_>) {
        while !self.holding && !self.must_stop() {
            self.become_busy();
            // Before an event is taken, for a signal may remove what it is about.
            if !callback.prepare() {
                return;
            }
            let Some(event) = self.shared.kept_events.pop() else {
                self.has_kept_events = false;
                return;
            };
            self.tell(event.borrow(), callback);
        }
    }

    #[inline(always)]
    fn poll(&mut self, wait: &dyn Fn() -> Wait) -> io::Result<()> {
        if let Some(time) = self.shared.busy_poll() {
            self.spin(wait, time)?;
        }
        if self.polled.is_empty() {
            let timeout = self.timeout(wait);
            let result = self.poller.poll(&mut self.polled, timeout);
            self.shared.waker.awake();
            if timeout != Some(Duration::ZERO) {
                self.shared.counters.wake_ups.add_alone(1);
            }
            result?;
        }
        Ok(())
    }

    /// Asks the poller again and again, for as long as the program wants that rather than to sleep,
    /// and until there is something to do. Nobody needs to ring meanwhile.
    #[inline(never)] // Only where the program wants it.
    fn spin(&mut self, wait: &dyn Fn() -> Wait, time: Duration) -> io::Result<()> {
        self.shared.waker.awake();
        let mut now = self.shared.clock.now();
        let end = now + time;
        while now < end && self.timeout_awake(wait) != Some(Duration::ZERO) {
            self.poller.poll(&mut self.polled, Some(Duration::ZERO))?;
            if !self.polled.is_empty() {
                return Ok(());
            }
            std::hint::spin_loop();
            now = self.shared.clock.now();
        }
        Ok(())
    }

    /// How long to wait. Whatever happens after this has looked wakes the poller.
    fn timeout(&mut self, wait: &dyn Fn() -> Wait) -> Option<Duration> {
        self.shared.waker.fall_asleep(self.coalescing.end().is_some());
        self.timeout_awake(wait)
    }

    /// How long there is nothing to do but for the poller, as far as is known by now.
    fn timeout_awake(&mut self, wait: &dyn Fn() -> Wait) -> Option<Duration> {
        if !self.ready.is_empty() || self.shared.has_pending() || self.must_stop() {
            return Some(Duration::ZERO);
        }
        let wanted = match wait() {
            Wait::No => return Some(Duration::ZERO),
            Wait::Forever => None,
            Wait::Until(until) => Some(until),
        };
        let own = earlier(self.next_deadline(), self.coalescing.end());
        let until = earlier(wanted, own)?;
        Some(until.saturating_duration_since(self.shared.clock.now()))
    }

    /// Has a resource read again, which may have more or not.
    fn mark_may_have_more(&mut self, id: ResourceId) {
        let only_may_have_more = self.only_may_have_more || self.ready.is_empty();
        self.mark_ready(id, Readiness::READABLE);
        self.only_may_have_more = only_may_have_more;
    }

    fn mark_ready(&mut self, id: ResourceId, readiness: Readiness) {
        self.only_may_have_more = false;
        if let Some(resource) = self.resource(id) {
            resource.pending.merge(readiness);
            if resource.pending.list() {
                self.ready.push_back(id);
            }
        }
    }

    /// Serves each resource that is ready now once, and writes what was sent meanwhile after each.
    #[inline(always)]
    fn serve_ready<H: EventHandler>(&mut self, callback: &mut H) {
        let listed = self.ready.len();
        let ready = listed + self.polled.len();
        if ready == 0 {
            return; // Only rung, mostly.
        }
        // Most turns serve one, and a division takes as long as much of a turn.
        self.share = if ready <= 1 {
            TURN_READ_BUDGET
        } else {
            (TURN_READ_BUDGET / ready).max(MIN_SHARE_BYTES)
        };
        self.become_busy();
        self.slice.restart();
        if ready > 1 {
            self.slice.begin(&self.shared.clock);
        }
        for number in 0..ready {
            if self.must_stop() || self.slice.is_over() {
                // What is left is told only once, and who is ending already waits for it.
                self.polled.drain(..number.min(self.polled.len()));
                return;
            }
            let next = match self.polled.get(number) {
                Some(&(token, readiness)) => self.take_polled(token, readiness),
                None => self.take_listed(),
            };
            let Some((id, stage, readiness)) = next else { continue };
            let guard = NoteOnPanic(Culprit::Adapter(id));
            match stage {
                Stage::Ready if self.holding => self.hold(id, readiness),
                Stage::Ready => self.transfer(id, readiness, callback),
                Stage::Listening { .. } => self.listen(id, readiness, callback),
                _ => self.serve_in_transition(id, readiness, callback),
            }
            std::mem::forget(guard);
            self.drain_commands(callback);
            self.slice.count(&self.shared.clock);
        }
        self.polled.clear();
    }

    /// What the poller told of, unless it is in the list and so served from there.
    #[inline]
    fn take_polled(
        &mut self,
        token: usize,
        readiness: Readiness,
    ) -> Option<(ResourceId, Stage, Readiness)> {
        let resource = self.resources.get_mut(ResourceId::from(token).slot())?.as_mut()?;
        let id = resource.entry.id;
        if token_of(id) != token {
            return None;
        }
        if resource.pending == Pending::default() {
            return Some((id, resource.stage, readiness)); // As mostly.
        }
        resource.pending.merge(readiness);
        if resource.pending.is_listed() {
            return None;
        }
        Some((id, resource.stage, resource.pending.take()))
    }

    #[inline]
    fn take_listed(&mut self) -> Option<(ResourceId, Stage, Readiness)> {
        let id = self.ready.pop_front()?;
        let resource = find(&mut self.resources, id)?;
        Some((id, resource.stage, resource.pending.take()))
    }

    /// Keeps readiness until the program can be told of what it brings. What waits to be sent is written.
    #[inline(never)]
    fn hold(&mut self, id: ResourceId, readiness: Readiness) {
        let Some(resource) = self.resource(id) else { return };
        resource.pending.merge(readiness);
        if let Some(sender) = resource.entry.sender.as_ref().filter(|_| readiness.writable) {
            sender.flush();
        }
        self.held.insert(id);
    }

    /// Serves what connects or ends.
    #[inline(never)]
    fn serve_in_transition(
        &mut self,
        id: ResourceId,
        readiness: Readiness,
        callback: Callback<'_>,
    ) {
        let Some(resource) = self.take_out(id) else { return };
        match resource.stage {
            Stage::Opening { .. } => self.open(resource, readiness, callback),
            Stage::Closing { .. } => self.go_on_closing(resource, readiness),
            _ => self.put_back(resource),
        }
    }

    /// Delivers what goes ahead of an event, which is of something that lives, and then the event.
    fn emit(&mut self, event: NetEvent<'_>, callback: Callback<'_>) {
        if self.prepare(callback) {
            self.tell(event, callback);
        }
    }

    /// Delivers the signals that go ahead of an event. What ends is ended after that only: while it
    /// lives, the program may remove it, and is told nothing then.
    fn prepare(&self, callback: Callback<'_>) -> bool {
        self.holding || callback.prepare()
    }

    /// Tells the program of something, unless it has removed by now what that is about.
    fn tell(&mut self, event: NetEvent<'_>, callback: Callback<'_>) {
        if self.holding {
            self.has_kept_events = true;
            return self.shared.kept_events.push(event);
        }
        if self.must_stop() || self.is_obsolete(&event) {
            return;
        }
        if let NetEvent::Accepted(endpoint, listener) = event {
            if !self.may_tell_of(endpoint.resource_id(), listener) {
                return;
            }
        }
        begin_callback();
        callback.event(event);
    }

    /// Whether the program removed the endpoint of an event.
    fn is_obsolete(&self, event: &NetEvent<'_>) -> bool {
        let endpoint = match *event {
            NetEvent::Connected(endpoint, _)
            | NetEvent::Accepted(endpoint, _)
            | NetEvent::Message(endpoint, _)
            | NetEvent::Disconnected(endpoint) => endpoint,
        };
        self.shared.reasons.get(endpoint.resource_id()) == Some(CloseReason::Removed)
    }

    fn resource(&mut self, id: ResourceId) -> Option<&mut Resource> {
        find(&mut self.resources, id)
    }

    fn take_out(&mut self, id: ResourceId) -> Option<Resource> {
        self.resources.get_mut(id.slot())?.take_if(|resource| resource.entry.id == id)
    }

    fn put_back(&mut self, resource: Resource) {
        let slot = resource.entry.id.slot();
        self.resources[slot] = Some(resource);
    }

    fn make_room(&mut self, id: ResourceId) {
        if self.resources.len() <= id.slot() {
            self.resources.resize_with(id.slot() + 1, || None);
        }
    }

    /// Closes a resource for good and frees its slot.
    fn forget(&mut self, resource: Resource) {
        let id = resource.entry.id;
        self.release(&resource);
        self.release_driver(&resource);
        drop(self.shared.take_closer(id));
        self.shared.change_half_received(&resource.entry, 0);
        drop(resource);
        self.shared.registry.remove(id);
    }
}

#[inline]
fn find(resources: &mut [Option<Resource>], id: ResourceId) -> Option<&mut Resource> {
    resources.get_mut(id.slot())?.as_mut().filter(|resource| resource.entry.id == id)
}

/// The earlier of two times that may be there.
#[inline]
pub(crate) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Parts of the loop.
type Lent<'a> = (&'a mut [u8], &'a mut Wishes, &'a AnyPoller, &'a Shared);

/// What an adapter may use for one call.
#[inline]
fn lend<'a>(
    (buffer, wishes, poller, shared): Lent<'a>,
    (id, budget, readiness): (ResourceId, usize, Readiness),
) -> Io<'a> {
    let registration = Registration {
        registry: poller.registry(),
        id,
        notifications: &shared.notifications,
        is_provisional: false,
    };
    Io::new(registration, buffer, budget.max(1), readiness, wishes)
}

/// The same for a call that reads nothing.
#[inline]
fn lend_to_write(parts: Lent<'_>, id: ResourceId) -> Io<'_> {
    lend(parts, (id, 1, Readiness::WRITABLE))
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop").field("shared", &self.shared).finish_non_exhaustive()
    }
}
