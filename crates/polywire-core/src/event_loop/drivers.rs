//! What reads for several endpoints.

use std::collections::HashMap;

use crate::adapter::Driver;
use crate::address::RemoteAddr;
use crate::close_reason::CloseReason;
use crate::endpoint::{NO_SOCKET_ADDR, ResourceId, ResourceType};
use crate::event_loop::EventLoop;
use crate::event_loop::resource::Resource;
use crate::registry::NewEntry;

/// The drivers in use, by what tells one from another.
#[derive(Debug, Default)]
pub(super) struct Drivers(HashMap<usize, Use>);

#[derive(Debug)]
struct Use {
    /// The driver, as a resource of the loop.
    id: ResourceId,
    /// Connections and listeners that have it.
    users: usize,
}

impl EventLoop {
    /// Sees to it that what reads for `resource` does.
    pub(super) fn start_driver(&mut self, resource: &Resource) -> Result<(), CloseReason> {
        match resource.driver().cloned() {
            Some(driver) => self.use_driver(&driver),
            None => Ok(()),
        }
    }

    fn use_driver(&mut self, driver: &Driver) -> Result<(), CloseReason> {
        if let Some(used) = self.drivers.0.get_mut(&driver.key()) {
            used.users += 1;
            return Ok(());
        }
        let fault = |text: &'static str| CloseReason::AdapterFault(text.into());
        let local = driver.take().ok_or_else(|| fault("its driver belongs to another node"))?;
        let new = NewEntry {
            tag: crate::adapter::CUSTOM_TAG,
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
        self.drivers.0.insert(driver.key(), Use { id, users: 1 });
        Ok(())
    }

    /// `resource` is gone: its driver, if nothing else has it, goes as well.
    pub(super) fn release_driver(&mut self, resource: &Resource) {
        let Some(key) = resource.driver().map(Driver::key) else { return };
        let Some(used) = self.drivers.0.get_mut(&key) else { return };
        used.users -= 1;
        if used.users == 0 {
            let id = used.id;
            self.drivers.0.remove(&key);
            self.remove(id);
        }
    }
}
