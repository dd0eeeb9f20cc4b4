//! The adapter of Unix sockets keeps what every transport promises, and so do those of `polywire-unix` and
//! `polywire-memory`, and protocols over a layer. The one inside a process is held to it where it is watched: in
//! `src/mem/tests.rs`.
//!
//! To hold an adapter of yours against it, depend on `polywire-testkit` in its tests and write one such call.

#[path = "conformance/cipher.rs"]
mod cipher;

use polywire_core::Limits;
use polywire_framed_tcp::{FramedTcpConnectConfig, FramedTcpListenConfig};
use polywire_memory::MemoryNetwork;
use polywire_tcp::{TcpConnectConfig, TcpListenConfig};
use polywire_testkit::conformance;
use polywire_testkit::conformance::Subject;
use polywire_ws::{WsConnectConfig, WsListenConfig};

use cipher::Cipher;

fn memory() -> Subject {
    let messages = MemoryNetwork::default().messages();
    let connect = messages.clone();
    Subject::new(
        move |limits| Box::new(connect.clone().with_limits(limits)),
        move |limits| Box::new(messages.clone().with_limits(limits)),
    )
    .with_names(|name| name.into())
}

conformance! {
    adapter memory = memory();
    connections: yes,
    packets: yes,
    order: yes,
    reliability: yes,
    half_close: yes,
    largest_message: 64 << 20,
}

const CIPHER: Cipher = Cipher { key: 0x5a };

/// A system that chooses for itself takes more while a peer does not read: a connection that was full has room again.
const SOCKET_BUFFER: usize = 16 << 10;

fn connecting(limits: Limits) -> TcpConnectConfig {
    let config = TcpConnectConfig::default().with_limits(limits);
    config.with_send_buffer_size(SOCKET_BUFFER).with_receive_buffer_size(SOCKET_BUFFER)
}

fn listening(limits: Limits) -> TcpListenConfig {
    let config = TcpListenConfig::default().with_limits(limits);
    config.with_send_buffer_size(SOCKET_BUFFER).with_receive_buffer_size(SOCKET_BUFFER)
}

conformance! {
    adapter framed_over_cipher = Subject::new(
        |limits| {
            Box::new(FramedTcpConnectConfig::default().with_tcp(connecting(limits)).over(CIPHER))
        },
        |limits| {
            Box::new(FramedTcpListenConfig::default().with_tcp(listening(limits)).over(CIPHER))
        },
    );
    connections: yes,
    packets: yes,
    order: yes,
    reliability: yes,
    half_close: yes,
    largest_message: 64 << 20,
}

conformance! {
    adapter ws_over_cipher = Subject::new(
        |limits| Box::new(WsConnectConfig::default().with_tcp(connecting(limits)).over(CIPHER)),
        |limits| Box::new(WsListenConfig::default().with_tcp(listening(limits)).over(CIPHER)),
    );
    connections: yes,
    packets: yes,
    order: yes,
    reliability: yes,
    half_close: yes,
    largest_message: 64 << 20,
}

#[cfg(unix)]
mod unix {
    use polywire_testkit::conformance;
    use polywire_testkit::conformance::Subject;
    use polywire_unix::*;
    use third_party::unix::Unix as Example;

    fn path(unique: &str) -> String {
        std::env::temp_dir().join(unique).display().to_string()
    }

    conformance! {
        adapter example = Subject::new(
            |limits| Box::new(Example { limits }),
            |limits| Box::new(Example { limits }),
        )
        .with_names(path);
        connections: yes,
        packets: yes,
        order: yes,
        reliability: yes,
        half_close: yes,
        largest_message: 64 << 20,
    }

    conformance! {
        adapter stream = Subject::new(
            |limits| Box::new(UnixConnectConfig::default().with_limits(limits)),
            |limits| Box::new(UnixListenConfig::default().with_limits(limits)),
        )
        .with_names(path);
        connections: yes,
        packets: no,
        order: yes,
        reliability: yes,
        half_close: yes,
        largest_message: none,
    }

    conformance! {
        adapter framed = Subject::new(
            |limits| Box::new(FramedUnixConnectConfig::default().with_limits(limits)),
            |limits| Box::new(FramedUnixListenConfig::default().with_limits(limits)),
        )
        .with_names(path);
        connections: yes,
        packets: yes,
        order: yes,
        reliability: yes,
        half_close: yes,
        largest_message: 64 << 20,
    }

    conformance! {
        adapter ws = Subject::new(
            |limits| Box::new(WsUnixConnectConfig::default().with_limits(limits)),
            |limits| Box::new(WsUnixListenConfig::default().with_limits(limits)),
        )
        .with_names(path);
        connections: yes,
        packets: yes,
        order: yes,
        reliability: yes,
        half_close: yes,
        largest_message: 64 << 20,
    }

    conformance! {
        adapter datagram = Subject::new(
            |_| Box::new(UnixDatagramConnectConfig::default()),
            |_| Box::new(UnixDatagramListenConfig::default()),
        )
        .with_names(path);
        connections: no,
        packets: yes,
        order: yes,
        reliability: no,
        half_close: no,
        largest_message: MAX_DATAGRAM_LEN,
    }
}
