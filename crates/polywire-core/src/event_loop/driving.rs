//! What reads for several endpoints: it lives as long as one of them does.

use std::any::Any;
use std::io;
use std::net::SocketAddr;

use crate::adapter::{
    Accepting, CUSTOM_TAG, Closing, Connection, Driver, Flow, Io, ListenerSink, Local,
};
use crate::address::RemoteAddr;
use crate::close_reason::CloseReason;
use crate::endpoint::{NO_SOCKET_ADDR, ResourceType};
use crate::event_loop::EventLoop;
use crate::event_loop::resource::Resource;
use crate::message::Message;
use crate::registry::NewEntry;

impl EventLoop {
    /// Sees to it that what reads for `resource` does.
    pub(super) fn start_driver(&mut self, resource: &Resource) -> Result<(), CloseReason> {
        match resource.driver() {
            Some(driver) if !self.drivers.acquire(driver.key()) => self.insert_driver(driver),
            _ => Ok(()),
        }
    }

    fn insert_driver(&mut self, driver: &Driver) -> Result<(), CloseReason> {
        let fault = |text: &'static str| CloseReason::AdapterFault(text.into());
        let local = driver.take().ok_or_else(|| {
            fault("its driver is another node's, or has ended with the last that had it")
        })?;
        let new = NewEntry {
            tag: CUSTOM_TAG,
            kind: ResourceType::Local,
            addr: RemoteAddr::Socket(NO_SOCKET_ADDR),
            limits: local.limits(),
            sender: None,
        };
        let entry = self.shared.registry.insert(new).ok_or_else(|| fault("the node is full"))?;
        let id = entry.id;
        self.make_room(id);
        let mut started = Resource::listening(entry, Box::new(Driven(local)));
        self.try_listening(&mut started);
        self.put_back(started);
        self.drivers.insert(driver.key(), id);
        Ok(())
    }

    /// What had `driver` is gone: if nothing else has it, it goes as well.
    pub(super) fn release_driver(&mut self, driver: Option<&Driver>) {
        let Some(key) = driver.map(Driver::key) else { return };
        if let Some(id) = self.drivers.release(key) {
            self.remove(id);
        }
    }
}

/// A driver in the place of a listener: what it gives to its sink is dropped.
struct Driven(Box<dyn Local>);

impl Local for Driven {
    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        self.0.register(io)
    }

    fn ready(&mut self, io: &mut Io<'_>, _: &mut dyn ListenerSink) -> Accepting {
        self.0.ready(io, &mut Dropping)
    }

    fn flush(&mut self, io: &mut Io<'_>) {
        self.0.flush(io);
    }

    fn control(&mut self, io: &mut Io<'_>, value: Box<dyn Any + Send>) {
        self.0.control(io, value);
    }

    fn expire(&mut self, io: &mut Io<'_>) {
        self.0.expire(io);
    }

    fn close(&mut self, io: &mut Io<'_>, reason: &CloseReason) -> Closing {
        self.0.close(io, reason)
    }

    fn type_name(&self) -> &'static str {
        self.0.type_name()
    }
}

struct Dropping;

impl ListenerSink for Dropping {
    fn accept(&mut self, _: Connection) -> Flow {
        Flow::Continue
    }

    fn message(&mut self, _: SocketAddr, _: Message<'_>, _: bool) -> Flow {
        Flow::Continue
    }
}
