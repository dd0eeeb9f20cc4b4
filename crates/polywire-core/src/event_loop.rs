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
mod holding;
mod lending;
mod listening;
mod opening;
mod pending;
mod ready;
mod reconnecting;
mod resource;
mod telling;
mod time_slice;
mod timeouts;
mod transfer;
mod turn;
mod watching;
mod wishes;

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::adapter::{Connection, Wishes};
use crate::endpoint::{Endpoint, ResourceId};
use crate::net_event::NetEvent;
use crate::poller::AnyPoller;
use crate::readiness::Readiness;
use crate::shared::Shared;
use crate::waker::LoopWaker;

use admission::Admissions;
use blame::{Culprit, blame};
use coalescing::Coalescing;
use deadlines::Deadlines;
use drivers::Drivers;
use resource::Resource;

pub(crate) use closing::ShutDown;
pub(crate) use time_slice::TimeSlice;

/// The least time from one call of an adapter's `expire` to the next.
pub(crate) const ALARM_PAUSE: Duration = Duration::from_millis(1);

/// Bytes of the buffer that every read of the loop goes to.
const BUFFER_BYTES: usize = 256 << 10;
/// Bytes that a turn reads of all connections together, shared out evenly among those that are ready:
/// whoever sends little waits for no more than this, however many others flood.
const TURN_READ_BUDGET: usize = 1 << 20;

/// The program's callback, or what stands for it: any closure that takes events.
pub(crate) type Callback<'a> = &'a mut dyn EventHandler;

pub(crate) trait EventHandler {
    /// The loop was rung and has heard it: whoever looks at other things than commands and notifications does so
    /// next.
    fn heard(&mut self) {}

    /// Called before an event is taken from where it waits: delivers what goes ahead of it, which may
    /// remove or pause what the event is about.
    fn deliver_priority(&mut self);

    /// The same. Returns whether an event is still wanted.
    fn prepare(&mut self) -> bool;

    fn event(&mut self, event: NetEvent<'_>);

    /// A message: the event is made where the closure takes it, and not carried there.
    fn message(&mut self, endpoint: &Endpoint, message: &[u8]);
}

impl<F: FnMut(NetEvent<'_>)> EventHandler for F {
    fn deliver_priority(&mut self) {}

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
    /// That of `shared`, which each turn asks.
    waker: Arc<LoopWaker>,
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
    /// Connections that were accepted and of which the program was not told, as their listener is paused.
    untold: BTreeSet<ResourceId>,
}

impl EventLoop {
    pub(crate) fn new(shared: Arc<Shared>, poller: AnyPoller) -> Self {
        Self {
            waker: Arc::clone(&shared.waker),
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
            untold: BTreeSet::new(),
        }
    }

    /// Whether the turn must end after the event in hand.
    #[inline]
    fn must_stop(&self) -> bool {
        self.shared.is_stopping() && !self.holding
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
        self.release_driver(resource.driver());
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

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop").field("shared", &self.shared).finish_non_exhaustive()
    }
}
