//! Datagrams longer than the interface carries in one piece.
#![cfg(target_os = "linux")]

mod support;

use std::process::Command;

use polywire::adapters::udp::{UdpConnectConfig, UdpListenConfig};
use polywire::network::{SendStatus, Transport};

use support::Node;

const INSIDE: &str = "POLYWIRE_TEST_SMALL_MTU";

/// Runs `body`, that of the test named `test`, in a network of its own, whose loopback interface
/// carries 1500 bytes.
fn with_small_mtu(test: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let script = format!("ip link set lo mtu 1500 up && exec \"$0\" --exact {test}");
    if !Command::new("unshare")
        .args(["-rn", "ip", "link"])
        .output()
        .is_ok_and(|output| output.status.success())
    {
        return println!("skipped {test}: no network namespace can be made here");
    }
    let mut inside = Command::new("unshare");
    inside.args(["-rn", "sh", "-c", &script]).arg(std::env::current_exe().unwrap());
    let output = inside.env(INSIDE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn a_long_datagram_is_cut_into_fragments_by_default_and_arrives_whole() {
    with_small_mtu("a_long_datagram_is_cut_into_fragments_by_default_and_arrives_whole", || {
        for addr in ["127.0.0.1:0", "[::1]:0"] {
            let (client, server) = (Node::new(), Node::echo());
            let (_, addr) = server.network().listen(Transport::Udp, addr).unwrap();
            let endpoint = client.connect_ready(Transport::Udp, addr);
            for len in [3000, 60_000] {
                let message = vec![7; len];
                assert_eq!(client.network().send(endpoint, &message), SendStatus::Sent);
                assert!(client.message().1 == message, "{addr}, {len} bytes");
            }
        }
    });
}

#[test]
fn without_fragments_a_long_datagram_is_refused_by_name() {
    with_small_mtu("without_fragments_a_long_datagram_is_refused_by_name", || {
        for addr in ["127.0.0.1:0", "[::1]:0"] {
            let (client, server) = (Node::new(), Node::new());
            let config = UdpListenConfig::default().with_dont_fragment();
            let (_, addr) = server.network().listen(config, addr).unwrap();
            let config = UdpConnectConfig::default().with_dont_fragment();
            let endpoint = client.connect_ready(config, addr);

            let too_long = client.network().send(endpoint, &[7; 3000]);
            assert_eq!(too_long, SendStatus::MaxPacketSizeExceeded, "{addr}");
            assert_eq!(client.network().send(endpoint, &[7; 1400]), SendStatus::Sent);
            let (back, message) = server.message();
            assert_eq!(message, [7; 1400]);
            let too_long = server.network().send(back, &[7; 3000]);
            assert_eq!(too_long, SendStatus::MaxPacketSizeExceeded, "{addr}");
            assert_eq!(server.network().send(back, &[7; 1400]), SendStatus::Sent);
            assert_eq!(client.message().1, [7; 1400]);
        }
    });
}
