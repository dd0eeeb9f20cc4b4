//! What reads for several endpoints: it lives as long as one of them does.

use crate::adapter::{CUSTOM_TAG, Driver};
use crate::address::RemoteAddr;
use crate::close_reason::CloseReason;
use crate::endpoint::{NO_SOCKET_ADDR, ResourceType};
use crate::event_loop::EventLoop;
use crate::event_loop::resource::Resource;
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
        let local = driver.take().ok_or_else(|| fault("its driver belongs to another node"))?;
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
        let mut started = Resource::listening(entry, local);
        self.try_listening(&mut started);
        self.put_back(started);
        self.drivers.insert(driver.key(), id);
        Ok(())
    }

    /// `resource` is gone: its driver, if nothing else has it, goes as well.
    pub(super) fn release_driver(&mut self, resource: &Resource) {
        let Some(key) = resource.driver().map(Driver::key) else { return };
        if let Some(id) = self.drivers.release(key) {
            self.remove(id);
        }
    }
}
