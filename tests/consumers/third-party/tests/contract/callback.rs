//! The callback is never entered twice at a time and never again from inside.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use polywire_core::address::Name;

use crate::kit::*;

over_adapters! {
    fn the_callback_is_entered_once_at_a_time_whatever_other_threads_do(adapter) {
        let (handler, listener) = node::split::<()>();
        let addr = adapter.free_address();
        handler.network().listen(&adapter, Name(&addr)).unwrap();
        let inside = AtomicBool::new(false);
        let mut events = 0;
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let network = handler.network();
                    while handler.is_running() {
                        let Ok((endpoint, _)) = network.connect(&adapter, &*addr) else { continue };
                        for _ in 0..10 {
                            network.send(endpoint, b"from a thread");
                        }
                        handler.signals().send(());
                        network.remove(endpoint.resource_id());
                    }
                });
            }
            listener.for_each(|_| {
                assert!(!inside.swap(true, Ordering::SeqCst), "the callback was entered twice");
                events += 1;
                if events == 1000 {
                    handler.stop();
                }
                inside.store(false, Ordering::SeqCst);
            });
        });
    }

    fn nothing_that_the_callback_calls_enters_it_again(adapter) {
        let echo = Node::echo();
        let (_, elsewhere) = echo.listen(&adapter);
        let (handler, listener) = node::split::<u32>();
        let addr = adapter.free_address();
        handler.network().listen(&adapter, Name(&addr)).unwrap();
        handler.signals().send(0);
        let inside = Cell::new(false);
        listener.for_each(|event| {
            assert!(!inside.replace(true), "the callback was entered again");
            if let NodeEvent::Signal(round) = event {
                let network = handler.network();
                let (own, _) = network.connect(&adapter, &*addr).unwrap();
                let (other, _) = network.connect_sync(&adapter, &*elsewhere).unwrap();
                for endpoint in [own, other] {
                    network.send(endpoint, b"hello");
                    network.try_send(endpoint, b"hello");
                    network.flush(endpoint);
                }
                network.remove(own.resource_id());
                if round == 20 {
                    handler.stop();
                }
                handler.signals().send(round + 1);
            }
            inside.set(false);
        });
    }

    fn stop_in_the_callback_is_followed_by_no_event_though_a_flood_goes_on(adapter) {
        let (tell, told) = mpsc::channel();
        let server = Node::with(move |handler, event| {
            if let NetEvent::Message(..) = event {
                assert!(handler.is_running(), "an event after stop");
                handler.stop();
                tell.send(()).unwrap();
            }
        });
        let Pair { mut server, client, to_client, to_server } =
            Pair::of(&adapter, server, Node::new());
        while client.network().send(to_server, b"flood") == SendStatus::Sent {}
        server.wait();
        assert_eq!(told.try_iter().count(), 1);
        client.disconnected(to_server);

        let network = server.network();
        assert_eq!(network.send(to_client, b"late"), SendStatus::ResourceNotFound);
        assert_eq!(network.stats().endpoints, 0);
        let error = network.connect(&adapter, "anything").unwrap_err();
        assert_eq!(CloseReason::of(&error), Some(&CloseReason::NodeStopped), "{error}");
    }
}
