//! The ids that programs hold: [`ResourceId`] and [`Endpoint`].

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Bits of the transport tag an adapter gives its resources.
const TAG_MASK: u64 = 0x7F;
/// Set for listeners, clear for connections.
const LOCAL_BIT: u64 = 1 << 7;
const SLOT_SHIFT: u32 = 8;
const SLOT_MASK: u64 = (1 << 24) - 1;
const GENERATION_SHIFT: u32 = 32;

/// What a [`ResourceId`] names: a listener or a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResourceType {
    /// A listener.
    Local,
    /// A connection, whichever side opened it.
    Remote,
}

/// The identity of one listener or connection of a node.
///
/// An id is never mistaken for an older or a newer resource: it holds a generation beside the
/// place it is stored at, so a stale id is simply not found. From the lowest bit up: transport tag
/// (7 bits, given by the adapter and informational), kind (1), slot (24), generation (32).
///
/// Ids of one node order by age as long as no slot was used twice. They mean nothing in another
/// node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId(u64);

impl ResourceId {
    /// Slots a node can have at most, and so resources alive at a time: 2^24.
    pub(crate) const MAX_SLOTS: usize = 1 << 24;

    pub(crate) fn new(tag: u8, kind: ResourceType, slot: u32, generation: u32) -> Self {
        let local = match kind {
            ResourceType::Local => LOCAL_BIT,
            ResourceType::Remote => 0,
        };
        Self(
            u64::from(generation) << GENERATION_SHIFT
                | (u64::from(slot) & SLOT_MASK) << SLOT_SHIFT
                | local
                | u64::from(tag) & TAG_MASK,
        )
    }

    /// The id as a number, to print or to order by.
    ///
    /// On platforms whose `usize` has 32 bits the generation is cut off, and a value turned back
    /// by `From<usize>` then names nothing; use [`to_u64`](Self::to_u64) there.
    pub fn raw(&self) -> usize {
        self.0 as usize
    }

    /// The whole id as a number, on every platform.
    pub fn to_u64(self) -> u64 {
        self.0
    }

    /// Turns a [`to_u64`](Self::to_u64) value back.
    pub fn from_u64(raw: u64) -> Self {
        Self(raw)
    }

    /// Whether this names a listener or a connection.
    pub fn resource_type(&self) -> ResourceType {
        if self.is_local() { ResourceType::Local } else { ResourceType::Remote }
    }

    /// Whether this names a listener.
    pub fn is_local(&self) -> bool {
        self.0 & LOCAL_BIT != 0
    }

    /// Whether this names a connection.
    pub fn is_remote(&self) -> bool {
        !self.is_local()
    }

    /// The tag that the adapter gave: 0 TCP, 1 framed TCP, 2 UDP, 3 WebSocket, anything up to 127
    /// for others. Informational: nothing in the library depends on it.
    pub fn adapter_id(&self) -> u8 {
        (self.0 & TAG_MASK) as u8
    }

    /// Slot and generation as one number, without tag and kind.
    pub fn base_value(&self) -> usize {
        (self.0 >> SLOT_SHIFT) as usize
    }

    pub(crate) fn slot(self) -> usize {
        (self.0 >> SLOT_SHIFT & SLOT_MASK) as usize
    }

    pub(crate) fn generation(self) -> u32 {
        (self.0 >> GENERATION_SHIFT) as u32
    }
}

impl From<usize> for ResourceId {
    /// Turns a [`raw`](ResourceId::raw) value back. Any number is an id; one that no resource has
    /// is not found by any call.
    fn from(raw: usize) -> Self {
        Self(raw as u64)
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_local() { 'L' } else { 'R' };
        let (slot, generation) = (self.slot(), self.generation());
        write!(f, "[{}.{kind}.{slot}.{generation}]", self.adapter_id())
    }
}

impl fmt::Debug for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The address an [`Endpoint`] shows where the peer has no IP address.
pub(crate) const NO_SOCKET_ADDR: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A socket address in whole words, one form for each.
///
/// An event is copied some times on its way to the program. As std's enum it would be copied around
/// its tag, in pieces that the processor can't read back from its store buffer: that took a quarter of
/// the time that the library itself spends on a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct AddrWords {
    ip: [u64; 2],
    /// The flow information, and above it the scope id; of IPv6 only.
    flow_and_scope: u64,
    /// The port, and above it whether the address is one of IPv6.
    port_and_family: u64,
}

const IPV6: u64 = 1 << 16;

impl From<SocketAddr> for AddrWords {
    #[inline]
    fn from(addr: SocketAddr) -> Self {
        let port = u64::from(addr.port());
        match addr {
            SocketAddr::V4(addr) => Self {
                ip: [0, u64::from(addr.ip().to_bits())],
                flow_and_scope: 0,
                port_and_family: port,
            },
            SocketAddr::V6(addr) => {
                let ip = addr.ip().to_bits();
                Self {
                    ip: [(ip >> 64) as u64, ip as u64],
                    flow_and_scope: u64::from(addr.scope_id()) << 32 | u64::from(addr.flowinfo()),
                    port_and_family: IPV6 | port,
                }
            }
        }
    }
}

impl From<AddrWords> for SocketAddr {
    #[inline]
    fn from(words: AddrWords) -> Self {
        let port = words.port_and_family as u16;
        let [high, low] = words.ip;
        if words.port_and_family & IPV6 == 0 {
            return SocketAddrV4::new(Ipv4Addr::from_bits(low as u32), port).into();
        }
        let ip = Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low));
        let (flow, scope) = (words.flow_and_scope as u32, (words.flow_and_scope >> 32) as u32);
        SocketAddrV6::new(ip, port, flow, scope).into()
    }
}

/// Where a message goes to or came from: a resource and the address of the peer behind it.
///
/// Plain data, cheap to copy, good as a key of maps. A connection is one endpoint while it lives: the
/// resource alone decides whether two are equal. Its address is the one it is connected to, and what
/// `connect` returned before may have another one, where a later address of a host's answered. For a
/// listener without connections (UDP) each peer has an endpoint of the listener's resource and its own
/// address.
#[derive(Clone, Copy)]
pub struct Endpoint {
    resource_id: ResourceId,
    addr: AddrWords,
}

impl Endpoint {
    #[inline]
    pub(crate) fn new(resource_id: ResourceId, addr: SocketAddr) -> Self {
        Self { resource_id, addr: addr.into() }
    }

    /// An endpoint to send to `addr` through the listener `id`, without having heard from that
    /// peer before.
    ///
    /// Of use for listeners without connections, such as UDP. With any other id the endpoint
    /// names nobody: sending to it returns
    /// [`SendStatus::ResourceNotFound`](crate::send_status::SendStatus).
    pub fn from_listener(id: ResourceId, addr: SocketAddr) -> Self {
        Self::new(id, addr)
    }

    /// The connection or listener that carries the messages of this endpoint.
    pub fn resource_id(&self) -> ResourceId {
        self.resource_id
    }

    /// Whether [`addr`](Self::addr) is this one.
    #[inline]
    pub(crate) fn is_at_v4(&self, addr: &SocketAddrV4) -> bool {
        self.addr.port_and_family == u64::from(addr.port())
            && self.addr.ip[1] == u64::from(addr.ip().to_bits())
    }

    /// The peer's socket address: `0.0.0.0:0` if its transport has no socket addresses. The whole
    /// address, names included, is told by
    /// [`NetworkController::remote_addr`](crate::network::NetworkController::remote_addr).
    #[inline]
    pub fn addr(&self) -> SocketAddr {
        self.addr.into()
    }
}

impl PartialEq for Endpoint {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.resource_id == other.resource_id
            && (self.resource_id.is_remote() || self.addr == other.addr)
    }
}

impl Eq for Endpoint {}

impl Hash for Endpoint {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.resource_id.hash(state);
        if self.resource_id.is_local() {
            self.addr.hash(state);
        }
    }
}

impl PartialOrd for Endpoint {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Endpoint {
    /// By resource, then, of a listener's peers, by address.
    fn cmp(&self, other: &Self) -> Ordering {
        let addr = |it: &Self| it.resource_id.is_local().then(|| it.addr());
        self.resource_id.cmp(&other.resource_id).then_with(|| addr(self).cmp(&addr(other)))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.resource_id, self.addr())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_of_a_connection_are_one_and_those_of_a_listener_differ_by_address() {
        let addrs = ["127.0.0.1:1", "127.0.0.1:2"].map(|addr| addr.parse().unwrap());
        for (kind, count) in [(ResourceType::Remote, 1), (ResourceType::Local, 2)] {
            let id = ResourceId::new(3, kind, 1, 1);
            let endpoints = addrs.map(|addr| Endpoint::new(id, addr));
            assert_eq!(std::collections::HashSet::from(endpoints).len(), count);
            assert_eq!(std::collections::BTreeSet::from(endpoints).len(), count);
        }
    }

    #[test]
    fn an_id_keeps_its_four_parts_apart() {
        let id = ResourceId::new(3, ResourceType::Local, 0xAB_CDEF, 7);
        assert_eq!(id.adapter_id(), 3);
        assert_eq!(id.resource_type(), ResourceType::Local);
        assert_eq!(id.slot(), 0xAB_CDEF);
        assert_eq!(id.to_u64() >> 32, 7);
        assert_eq!(ResourceId::from_u64(id.to_u64()), id);
    }

    #[test]
    fn a_raw_value_written_for_message_io_means_the_same_here() {
        let id = ResourceId::from(130);
        assert!(id.is_local());
        assert_eq!(id.adapter_id(), 2);
        assert_eq!(id.raw(), 130);
        assert_eq!(id.base_value(), 0);
    }

    #[test]
    fn an_endpoint_tells_the_address_it_was_given() {
        let ip = "2001:db8::7:9".parse().unwrap();
        let addrs: [SocketAddr; 4] = [
            "192.0.2.1:65535".parse().unwrap(),
            "[::ffff:192.0.2.1]:65535".parse().unwrap(),
            SocketAddrV6::new(ip, 1, u32::MAX, 2).into(),
            SocketAddrV6::new(ip, 1, 2, u32::MAX).into(),
        ];
        let id = ResourceId::from(130);
        let mut endpoints = addrs.map(|addr| Endpoint::from_listener(id, addr));
        assert_eq!(endpoints.map(|endpoint| endpoint.addr()), addrs);
        let different: std::collections::HashSet<_> = endpoints.into_iter().collect();
        assert_eq!(different.len(), 4);
        endpoints.reverse();
        endpoints.sort_unstable();
        assert!(endpoints.map(|endpoint| endpoint.addr()).is_sorted(), "as addresses do");
    }

    #[test]
    fn a_tag_of_more_than_seven_bits_does_not_reach_the_kind() {
        assert!(ResourceId::new(0xFF, ResourceType::Remote, 0, 1).is_remote());
    }
}
