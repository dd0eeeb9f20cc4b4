//! Every successful `connect` yields exactly one `Connected(endpoint, ok)`.
//!
//! This is E1 of `docs/contracts.md`.

use std::io;
use std::net::SocketAddr;
use std::thread;

use crate::common::*;

/// Runs the node until `last` got an echo of a listener of the same node, and returns what
/// `Connected` told until then.
fn connected_until_echo(
    handler: &Handler,
    listener: NodeListener<Signal>,
    last: Endpoint,
) -> Vec<(Endpoint, bool)> {
    let mut told = Vec::new();
    handler.network().send(last, b"echo");
    run(handler, listener, "an echo", |event| match event.network() {
        NetEvent::Connected(endpoint, ok) => told.push((endpoint, ok)),
        NetEvent::Message(endpoint, _) if endpoint == last => handler.stop(),
        NetEvent::Message(endpoint, message) => {
            handler.network().send(endpoint, message);
        }
        NetEvent::Accepted(..) => {}
        NetEvent::Disconnected(endpoint) => panic!("{endpoint} disconnected"),
    });
    told
}

fn assert_refused(result: io::Result<(Endpoint, SocketAddr)>) {
    let error = result.unwrap_err();
    assert_eq!(CloseReason::of(&error), Some(&CloseReason::Refused), "{error}");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

over_transports! {
    [tcp framed_tcp udp ws | tcp_tls framed_tcp_tls wss]
    fn a_connect_that_succeeds_yields_one_connected_true_with_the_endpoint_it_returned(transport) {
        let (handler, listener) = split();
        let (_, server) = handler.network().listen(transport, LOCALHOST).unwrap();
        let (client, local) = handler.network().connect(transport, server).unwrap();
        assert_eq!(client.addr(), server);
        assert!(local.ip().is_loopback() && local.port() != 0, "{local}");
        assert_eq!(client.resource_id().adapter_id(), transport.library().plain().id());
        let told = connected_until_echo(&handler, listener, client);
        assert_eq!(told, [(client, true)]);
    }

    [tcp framed_tcp udp ws | tcp_tls framed_tcp_tls wss]
    fn connect_sync_on_another_thread_is_told_by_the_one_that_runs_the_loop(transport) {
        let (handler, listener) = split();
        let (_, server) = handler.network().listen(transport, LOCALHOST).unwrap();
        // The loop runs for certain once its callback does.
        handler.signals().send(Signal::Step(0));
        let mut told = Vec::new();
        let mut dialing = None;
        run(&handler, listener, "an echo", |event| match event {
            NodeEvent::Signal(_) => {
                let network = handler.network().clone();
                dialing = Some(thread::spawn(move || {
                    let (client, _) = network.connect_sync(transport, server).unwrap();
                    assert_eq!(network.is_ready(client.resource_id()), Some(true));
                    network.send(client, b"echo");
                    client
                }));
            }
            NodeEvent::Network(NetEvent::Connected(endpoint, ok)) => told.push((endpoint, ok)),
            NodeEvent::Network(NetEvent::Message(endpoint, message)) => {
                if told.iter().any(|(client, _)| *client == endpoint) {
                    handler.stop();
                }
                handler.network().send(endpoint, message);
            }
            NodeEvent::Network(_) => {}
        });
        assert_eq!(told, [(dialing.unwrap().join().unwrap(), true)]);
    }

    [tcp framed_tcp udp ws | tcp_tls framed_tcp_tls wss]
    fn connect_sync_works_on_a_thread_that_only_reads_an_event_receiver(transport) {
        let echo = Echo::start(transport);
        let mut node = Watched::start();
        let (client, _) = node.handler.network().connect_sync(transport, echo.addr).unwrap();
        assert_eq!(node.handler.network().is_ready(client.resource_id()), Some(true));
        node.handler.network().send(client, b"echo");
        assert_eq!(node.connected(), (client, true));
        assert_eq!(node.message(), (client, b"echo".to_vec()));
        let rest = node.rest();
        assert!(rest.is_empty(), "{rest:?}");
    }

    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn connect_sync_fails_with_the_real_reason_wherever_it_is_called(transport) {
        let closed = ClosedPort::new();
        let (handler, listener) = split();
        // Where nobody runs the loop yet.
        assert_refused(handler.network().connect_sync(transport, closed.addr));
        // In the callback, and on another thread while the loop runs.
        handler.signals().send(Signal::Step(0));
        thread::scope(|scope| {
            run(&handler, listener, "the failures", |event| match event {
                NodeEvent::Signal(Signal::Step(0)) => {
                    assert_refused(handler.network().connect_sync(transport, closed.addr));
                    scope.spawn(|| {
                        assert_refused(handler.network().connect_sync(transport, closed.addr));
                        handler.signals().send(Signal::Step(1));
                    });
                }
                NodeEvent::Signal(_) => handler.stop(),
                NodeEvent::Network(event) => panic!("{event:?}"),
            });
        });
        // On a thread that only reads events; none tells of the failure.
        let node = Watched::start();
        assert_refused(node.handler.network().connect_sync(transport, closed.addr));
        let rest = node.rest();
        assert!(rest.is_empty(), "{rest:?}");
    }
}
