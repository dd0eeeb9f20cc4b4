//! Groups of UDP. Apart from the tests of peers that are gone: a program that is being started has the sockets of
//! this one until it runs, also those just closed.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))] // Some tests are Linux's.

mod support;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
#[cfg(target_os = "linux")]
use std::process::Command;

use polywire::adapters::udp::{MulticastInterface, UdpConnectConfig, UdpListenConfig};
use polywire::network::{Endpoint, SendStatus};

use support::Node;

/// A node that listens to `group` on the interface, unless that can't be.
fn join(group: SocketAddr, interface: MulticastInterface) -> Option<(Node, SocketAddr)> {
    let node = Node::new();
    let config = UdpListenConfig::default().with_multicast_interface(interface);
    match node.network().listen_with(config, group) {
        Ok((_, addr)) => Some((node, addr)),
        Err(error) => {
            eprintln!("{interface:?} can't join {group}: {error}");
            None
        }
    }
}

/// A node that sends to `group` through the interface, and has sent a first message, unless that
/// can't be.
fn speak(group: SocketAddr, interface: MulticastInterface) -> Option<(Node, Endpoint)> {
    let node = Node::new();
    let config =
        UdpConnectConfig::default().with_multicast_interface(interface).with_multicast_loop(true);
    let why = match node.network().connect_with(config, group) {
        Ok((endpoint, _)) => match node.network().send(endpoint, b"everybody") {
            SendStatus::Sent => return Some((node, endpoint)),
            other => format!("{other:?}"),
        },
        Err(error) => error.to_string(),
    };
    eprintln!("{interface:?} can't reach {group}: {why}");
    None
}

/// Whether the interface can do it at all; panics if it then does it wrong.
fn group_is_heard_until_left(group: SocketAddr, interface: MulticastInterface) -> bool {
    let Some((first, addr)) = join(group, interface) else { return false };
    let (second, _) = join(addr, interface).expect("listeners share a group");
    let Some((sender, to_group)) = speak(addr, interface) else { return false };
    let (from, message) = first.message();
    assert_eq!(message, b"everybody");
    assert_eq!(second.message().1, b"everybody");
    // An answer to a member's endpoint goes to the sender alone.
    assert_eq!(first.network().send(from, b"just you"), SendStatus::Sent);

    assert!(first.network().remove(from.resource_id()));
    first.settle();
    assert_eq!(sender.network().send(to_group, b"who is left"), SendStatus::Sent);
    assert_eq!(second.message().1, b"who is left");
    first.assert_silent();
    second.assert_silent();
    true
}

const LOOPBACK: MulticastInterface = MulticastInterface::Addr(Ipv4Addr::LOCALHOST);

#[test]
fn an_ipv4_group_is_heard_on_the_chosen_interface_until_it_is_left() {
    let group = (Ipv4Addr::new(239, 77, 1, 2), 0).into();
    if !group_is_heard_until_left(group, LOOPBACK) {
        eprintln!("skipped: the loopback interface can't do it");
    }
}

/// The loopback interface carries no IPv6 groups, and no other interface is ours to send on: the
/// test runs itself in a network namespace of its own, with an interface that ends nowhere.
#[test]
#[cfg(target_os = "linux")]
fn an_ipv6_group_is_heard_on_the_chosen_interface_until_it_is_left() {
    const INSIDE: &str = "POLYWIRE_TEST_INTERFACE";
    if let Some(index) = std::env::var_os(INSIDE) {
        let index = index.into_string().unwrap().trim().parse().unwrap();
        let group = (Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0x77, 1), 0).into();
        assert!(group_is_heard_until_left(group, MulticastInterface::Index(index)));
        return;
    }
    let script = "ip link set lo up && \
        ip link add nowhere type veth peer name elsewhere && ip link set elsewhere up && \
        ip link set nowhere multicast on up && ip -6 addr add fd77::1/64 dev nowhere nodad && \
        POLYWIRE_TEST_INTERFACE=$(ip -o link show nowhere | cut -d: -f1) \
        exec \"$0\" --exact an_ipv6_group_is_heard_on_the_chosen_interface_until_it_is_left";
    let trial = ["--net", "ip", "link", "add", "nowhere", "type", "veth"];
    if !Command::new("unshare").args(trial).status().is_ok_and(|status| status.success()) {
        return eprintln!("skipped: no network namespace can be made here");
    }
    let test = std::env::current_exe().unwrap();
    let mut inside = Command::new("unshare");
    inside.args(["--net", "sh", "-c", script]).arg(test);
    let output = inside.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_listener_to_a_group_does_not_hear_another_group_on_its_port() {
    let group = |last| SocketAddr::from((Ipv4Addr::new(239, 77, 2, last), 0));
    let Some((first, mut addr)) = join(group(1), LOOPBACK) else { return };
    addr.set_ip(group(2).ip());
    let Some((second, addr)) = join(addr, LOOPBACK) else { return };
    if speak(addr, LOOPBACK).is_some() {
        assert_eq!(second.message().1, b"everybody");
        first.assert_silent();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_group_is_left_when_its_listener_is_removed() {
    let group = Ipv4Addr::new(239, 77, 3, 1);
    // As the kernel writes it: the bytes in the machine's own order.
    let listed = format!("{:08X}", u32::from_ne_bytes(group.octets()));
    let is_joined = || std::fs::read_to_string("/proc/net/igmp").unwrap().contains(&listed);
    let node = Node::new();
    let config = UdpListenConfig::default().with_multicast_interface(LOOPBACK);
    let Ok((listener, _)) = node.network().listen(config, (group, 0)) else {
        return eprintln!("skipped: the loopback interface can't join {group}");
    };
    assert!(is_joined());
    assert!(node.network().remove(listener));
    support::eventually("the group is left", || !is_joined());
}
