//! Serving what is ready.

use crate::endpoint::ResourceId;
use crate::event_loop::blame::{Culprit, blame};
use crate::event_loop::pending::Pending;
use crate::event_loop::resource::Stage;
use crate::event_loop::{Callback, EventHandler, EventLoop, TURN_READ_BUDGET, find};
use crate::poller::token_of;
use crate::readiness::Readiness;

/// The least that a connection may take in a turn, which is bounded in time as well: as much as one read takes.
const MIN_SHARE_BYTES: usize = 256 << 10;

impl EventLoop {
    /// Has a resource read again, which may have more or not.
    pub(super) fn mark_may_have_more(&mut self, id: ResourceId) {
        let only_may_have_more = self.only_may_have_more || self.ready.is_empty();
        self.mark_ready(id, Readiness::READABLE);
        self.only_may_have_more = only_may_have_more;
    }

    pub(super) fn mark_ready(&mut self, id: ResourceId, readiness: Readiness) {
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
    pub(super) fn serve_ready<H: EventHandler>(&mut self, callback: &mut H) {
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
            callback.deliver_priority(); // Before a message is taken, for a signal may pause the connection.
            match self.polled.get(number) {
                Some(&(token, readiness)) => self.serve_polled(token, readiness, callback),
                None => self.serve_listed(callback),
            }
            let must_stop = self.has_news() && self.heed(callback);
            if must_stop | self.slice.count(&self.shared.clock) | self.slice.is_over() {
                // What is left is told only once, and who is ending already waits for it.
                self.polled.drain(..(number + 1).min(self.polled.len()));
                return;
            }
        }
        self.polled.clear();
    }

    /// Serves what the poller told of.
    #[inline(always)]
    fn serve_polled<H: EventHandler>(
        &mut self,
        token: usize,
        readiness: Readiness,
        callback: &mut H,
    ) {
        let id = ResourceId::from(token);
        let Some(Some(resource)) = self.resources.get(id.slot()) else { return };
        if token_of(resource.entry.id) != token {
            return;
        }
        let id = resource.entry.id; // Where a token is not the whole of it.
        if resource.pending != Pending::default() || self.holding {
            return self.serve_merged(id, readiness, callback);
        }
        match resource.stage {
            Stage::Ready => {
                blame(Culprit::Adapter(id), || self.transfer(id, readiness, callback));
            }
            Stage::Listening { .. } => {
                blame(Culprit::Adapter(id), || self.listen(id, readiness, callback));
            }
            _ => blame(Culprit::Adapter(id), || self.serve_in_transition(id, readiness, callback)),
        }
    }

    /// The same together with what waits to be served.
    #[inline(never)]
    fn serve_merged<H: EventHandler>(
        &mut self,
        id: ResourceId,
        readiness: Readiness,
        callback: &mut H,
    ) {
        let Some(resource) = find(&mut self.resources, id) else { return };
        resource.pending.merge(readiness);
        if !resource.pending.is_listed() {
            let (stage, readiness) = (resource.stage, resource.pending.take());
            self.serve((id, stage, readiness), callback);
        } // Or else it is served from there.
    }

    #[inline(never)]
    fn serve_listed<H: EventHandler>(&mut self, callback: &mut H) {
        let Some(id) = self.ready.pop_front() else { return };
        let Some(resource) = find(&mut self.resources, id) else { return };
        let (stage, readiness) = (resource.stage, resource.pending.take());
        self.serve((id, stage, readiness), callback);
    }

    fn serve<H: EventHandler>(
        &mut self,
        (id, stage, readiness): (ResourceId, Stage, Readiness),
        callback: &mut H,
    ) {
        blame(Culprit::Adapter(id), || match stage {
            Stage::Ready if self.holding => self.hold(id, readiness),
            Stage::Ready => self.transfer(id, readiness, callback),
            Stage::Listening { .. } => self.listen(id, readiness, callback),
            _ => self.serve_in_transition(id, readiness, callback),
        });
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
}
