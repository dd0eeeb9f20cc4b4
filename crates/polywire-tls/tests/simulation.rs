//! Connections over TLS in a simulated world: the real loop, engine, protocols and TLS on fake sockets, fake readiness
//! and fake time. A failure names its seed; as keys are drawn anew, it may take several runs to fail again.
#![cfg(any(feature = "aws-lc-rs", feature = "ring"))]

mod support;

use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use polywire_core::address::RemoteAddr;
use polywire_framed_tcp::Framed;
use polywire_tcp::Raw;
use polywire_testkit::{Wire, every_errno, for_each_seed, random_world, removal_world};
use polywire_ws::{WsConnectConfig, WsListenConfig, WsProtocol, WsUrl};

use support::certificates::Both;

fn framed() -> Wire {
    let both = Both::new();
    Wire::over((both.connect, both.listen), Framed::default, Framed::default, true)
}

fn tcp() -> Wire {
    let both = Both::new();
    Wire::over((both.connect, both.listen), || Raw, || Raw, false)
}

fn ws() -> Wire {
    let both = Both::new();
    let address = RemoteAddr::Str("ws://127.0.0.1:3042/".into());
    let url = WsUrl::parse(&address).unwrap();
    let client = move || WsProtocol::client(&url, &WsConnectConfig::default()).unwrap();
    let server = || WsProtocol::server(&WsListenConfig::default()).unwrap();
    Wire::over((both.connect, both.listen), client, server, true)
}

/// Runs `test`. A panic of the layer would end its own endpoint only, and pass for one that was reset.
fn without_panics(test: impl FnOnce()) {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.fetch_add(1, Ordering::Relaxed);
            before(info);
        }));
    });
    test();
    assert_eq!(PANICS.load(Ordering::Relaxed), 0, "something panicked");
}

#[test]
fn the_contracts_hold_whatever_happens_in_a_random_world() {
    without_panics(|| {
        for wire in [framed(), tcp(), ws()] {
            for_each_seed(20, |seed| drop(random_world(&wire, seed)));
        }
    });
}

#[test]
fn what_is_removed_or_paused_is_named_by_no_event() {
    without_panics(|| {
        for wire in [framed(), tcp(), ws()] {
            for_each_seed(20, |seed| drop(removal_world(&wire, seed)));
        }
    });
}

#[test]
fn no_error_of_any_call_panics_hangs_or_leaks() {
    without_panics(|| {
        let (runs, failures) = every_errno(&framed());
        println!("{runs} runs: {failures:?}");
        assert!(runs > 1000);
    });
}
