//! The real loop, registry and engine on scripted streams, driven by any script.
#![no_main]

use libfuzzer_sys::fuzz_target;
use polywire_fuzz::node::{Script, run};
use polywire_fuzz::peer::{FramedPair, WsClientPair, WsServerPair};

fuzz_target!(|input: (u8, Script)| {
    match input.0 % 4 {
        0 => run::<WsServerPair>(&input.1),
        1 => run::<WsClientPair>(&input.1),
        _ => run::<FramedPair>(&input.1),
    }
});
