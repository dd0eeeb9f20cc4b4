//! Who listens on which address.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use polywire_core::CloseReason;
use polywire_core::address::RemoteAddr;

use crate::links::{Mode, lock};
use crate::listener::Backlog;

/// The first of the ports for whoever asks for none: where those of systems begin, too.
const FIRST_PORT: u64 = 49_152;

/// The listeners of a network, and addresses for those who have none.
#[derive(Default)]
pub(crate) struct Names {
    listeners: Mutex<HashMap<(Mode, String), Weak<Backlog>>>,
    /// Addresses given so far.
    given: AtomicU64,
}

impl Names {
    /// The address that somebody listens on who asks for this one: with a port, where any will do.
    pub(crate) fn addr_to_listen(&self, addr: &RemoteAddr) -> RemoteAddr {
        match addr {
            RemoteAddr::Socket(addr) if addr.port() == 0 => self.new_port(addr.ip()),
            addr => addr.clone(),
        }
    }

    /// Enters a listener.
    pub(crate) fn listen(
        &self,
        mode: Mode,
        addr: &RemoteAddr,
        backlog: &Arc<Backlog>,
    ) -> io::Result<()> {
        let mut names = lock(&self.listeners);
        names.retain(|_, backlog| backlog.upgrade().is_some_and(|backlog| backlog.is_open()));
        let key = (mode, addr.to_string());
        if names.contains_key(&key) {
            let text = format!("somebody listens on '{addr}' already");
            return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
        }
        names.insert(key, Arc::downgrade(backlog));
        Ok(())
    }

    /// Who listens on that address.
    pub(crate) fn find(&self, mode: Mode, addr: &RemoteAddr) -> Result<Arc<Backlog>, CloseReason> {
        let names = lock(&self.listeners);
        let found = |name: String| names.get(&(mode, name)).and_then(Weak::upgrade);
        let anywhere = || match addr {
            RemoteAddr::Socket(SocketAddr::V4(v4)) => {
                found(SocketAddr::from((Ipv4Addr::UNSPECIFIED, v4.port())).to_string())
            }
            _ => None,
        };
        found(addr.to_string()).or_else(anywhere).ok_or(CloseReason::Refused)
    }

    /// An address for a side that connects to `peer` and has no name.
    pub(crate) fn new_addr(&self, peer: &RemoteAddr) -> RemoteAddr {
        match peer {
            RemoteAddr::Socket(peer) => self.new_port(peer.ip()),
            RemoteAddr::Str(_) => {
                RemoteAddr::Str(format!("client-{}", self.given.fetch_add(1, Ordering::Relaxed)))
            }
        }
    }

    fn new_port(&self, ip: IpAddr) -> RemoteAddr {
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        let port = FIRST_PORT + number % (u64::from(u16::MAX) + 1 - FIRST_PORT);
        RemoteAddr::Socket(SocketAddr::new(ip, port as u16))
    }
}
