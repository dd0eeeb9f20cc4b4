//! Connections that carry messages.

use crate::adapter::Received;
use crate::endpoint::ResourceId;
use crate::event_loop::delivery::ConnectionSink;
use crate::event_loop::resource::{Driven, Resource};
use crate::event_loop::{Callback, EventLoop, lend, registration};
use crate::poller::Readiness;

impl EventLoop {
    /// Reads and writes a connection that is ready.
    pub(super) fn transfer(
        &mut self,
        mut resource: Box<Resource>,
        readiness: Readiness,
        callback: Callback<'_>,
    ) {
        let Driven::Ready(remote) = &mut resource.driven else { return };
        let entry = &resource.entry;
        let mut received = Received::Drained;
        if readiness.writable {
            if let Err(reason) = remote.flush(&registration((&self.poller, &self.shared), entry.id))
            {
                received = Received::Ended(reason);
            }
        }
        let mut heard = false;
        if entry.is_paused() || self.shared.is_reading_held() {
            // Kept until the program wants to read again.
            resource.pending.merge(Readiness { writable: false, ..readiness });
        } else if readiness.readable && received == Received::Drained && !entry.is_over() {
            let mut io = lend(
                (&mut self.buffer, &self.poller, &self.shared),
                (entry.id, entry.limits.read_budget.min(self.share), readiness),
            );
            let mut sink = ConnectionSink::new(&self.shared, entry, callback);
            let budget = io.budget;
            received = remote.receive(&mut io, &mut sink);
            heard = io.budget < budget;
        }
        match received {
            Received::Drained => {
                self.watch(&mut resource, heard);
                self.put_back(resource);
            }
            Received::Unfinished => {
                let id = entry.id;
                self.watch(&mut resource, heard);
                self.put_back(resource);
                self.mark_ready(id, Readiness { writable: false, readable: true, ..readiness });
            }
            Received::Ended(reason) => self.end(resource, reason, callback),
        }
    }

    /// Writes what waits on one connection or listener.
    pub(super) fn flush(&mut self, id: ResourceId, callback: Callback<'_>) {
        let Some(mut resource) = self.take_out(id) else { return };
        let registration = registration((&self.poller, &self.shared), id);
        let result = match &mut resource.driven {
            Driven::Ready(remote) => remote.flush(&registration),
            Driven::Listening(local) => {
                local.flush(&registration);
                Ok(())
            }
            Driven::Waiting => Ok(()),
            Driven::Opening { .. } | Driven::Closing { .. } => {
                self.put_back(resource);
                return self.mark_ready(id, Readiness::WRITABLE);
            }
        };
        match result {
            Ok(()) => self.put_back(resource),
            Err(reason) => self.end(resource, reason, callback),
        }
    }
}
