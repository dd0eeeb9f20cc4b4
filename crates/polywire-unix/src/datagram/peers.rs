//! The numbers of peers, which have names and no socket addresses.

use std::collections::HashMap;
use std::mem;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use polywire_core::address::{RemoteAddr, peer_number, peer_number_addr};
use rustix::net::SocketAddrUnix;

use crate::names::unnamed;

/// Names of one generation. Two of them are kept, so a peer that no more than so many others have followed is known;
/// each takes some 200 bytes.
const NAMES_PER_GENERATION: usize = 1 << 16;

/// All peers without a name.
const NOBODY: u64 = 0;

/// Which number stands for whom.
#[derive(Debug, Default)]
pub(super) struct Peers(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    young: Generation,
    /// Those that were not heard of since `young` began.
    old: Generation,
    last_number: u64,
}

#[derive(Debug, Default)]
struct Generation {
    numbers: HashMap<Arc<SocketAddrUnix>, u64>,
    names: HashMap<u64, Arc<SocketAddrUnix>>,
}

impl Generation {
    fn insert(&mut self, name: Arc<SocketAddrUnix>, number: u64) {
        self.names.insert(number, Arc::clone(&name));
        self.numbers.insert(name, number);
    }

    fn take(&mut self, name: &SocketAddrUnix) -> Option<(Arc<SocketAddrUnix>, u64)> {
        let (name, number) = self.numbers.remove_entry(name)?;
        self.names.remove(&number);
        Some((name, number))
    }
}

impl Peers {
    /// What stands for the peer of that name.
    pub(super) fn addr_of(&self, name: Option<&SocketAddrUnix>) -> SocketAddr {
        let name = name.filter(|name| !is_unnamed(name));
        peer_number_addr(name.map_or(NOBODY, |name| self.lock().number_of(name)))
    }

    /// The name behind such an address: `None` where there is none, or no more.
    pub(super) fn name_of(&self, addr: SocketAddr) -> Option<Arc<SocketAddrUnix>> {
        let number = peer_number(addr)?;
        let known = self.lock();
        known.young.names.get(&number).or_else(|| known.old.names.get(&number)).cloned()
    }

    pub(super) fn is_nobody(addr: SocketAddr) -> bool {
        peer_number(addr) == Some(NOBODY)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn number_of(&mut self, name: &SocketAddrUnix) -> u64 {
        if let Some(number) = self.young.numbers.get(name) {
            return *number;
        }
        if self.young.names.len() == NAMES_PER_GENERATION {
            self.old = mem::take(&mut self.young);
        }
        let (name, number) = self.old.take(name).unwrap_or_else(|| {
            self.last_number += 1;
            (Arc::new(name.clone()), self.last_number)
        });
        self.young.insert(name, number);
        number
    }
}

/// rustix tells it on Linux alone.
fn is_unnamed(name: &SocketAddrUnix) -> bool {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    if name.abstract_name().is_some() {
        return false;
    }
    name.path_bytes().is_none()
}

/// How the program is told that name.
pub(super) fn remote_addr_of(name: &SocketAddrUnix) -> RemoteAddr {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    if let Some(name) = name.abstract_name() {
        return RemoteAddr::Str(format!("@{}", String::from_utf8_lossy(name)));
    }
    name.path_bytes()
        .map_or_else(unnamed, |path| RemoteAddr::Str(String::from_utf8_lossy(path).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(path: &str) -> SocketAddrUnix {
        SocketAddrUnix::new(path).unwrap()
    }

    #[test]
    fn a_name_has_one_number_and_no_other_name_has_it() {
        let peers = Peers::default();
        let [a, b] = ["/a", "/b"].map(|path| peers.addr_of(Some(&named(path))));
        assert_ne!(a, b);
        assert_eq!(peers.addr_of(Some(&named("/a"))), a);
        assert_eq!(peers.name_of(b).as_deref(), Some(&named("/b")));
        let nobody = peers.addr_of(None);
        assert!(Peers::is_nobody(nobody) && !Peers::is_nobody(a));
        assert_eq!(peers.name_of(nobody), None);
        assert_eq!(peers.name_of("127.0.0.1:80".parse().unwrap()), None);
    }

    #[test]
    fn who_is_heard_of_now_and_then_is_never_forgotten_and_memory_is_bounded() {
        let peers = Peers::default();
        let addr_of = |path: &str| peers.addr_of(Some(&named(path)));
        let (loyal, once) = (addr_of("/loyal"), addr_of("/once"));
        for number in 0..3 * NAMES_PER_GENERATION {
            addr_of(&format!("/{number}"));
            if number % 1000 == 0 {
                assert_eq!(addr_of("/loyal"), loyal);
            }
        }
        assert_eq!(peers.name_of(loyal).as_deref(), Some(&named("/loyal")));
        assert_eq!(peers.name_of(once), None);
        let known = peers.lock();
        for generation in [&known.young, &known.old] {
            assert!(generation.names.len() <= NAMES_PER_GENERATION);
            assert_eq!(generation.names.len(), generation.numbers.len());
        }
    }
}
