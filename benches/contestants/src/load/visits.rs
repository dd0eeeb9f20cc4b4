//! Connections that come, say one thing and go, one after another.

use std::time::Instant;

use super::client::{Shared, connect, exchange};
use crate::args::Args;
use crate::times::Times;
use crate::usage;

pub(super) fn run(args: &Args) {
    let mut shared = Shared::new(args);
    let mut wrong = 0;
    let (mut is_first, resumes) = (true, args.has("resumes"));
    let mut visit = || {
        let begin = Instant::now();
        let mut stream = connect(args.peer(), &shared);
        wrong += u32::from(!exchange(&mut stream, &mut shared));
        // The first one has nothing to resume.
        wrong += u32::from(!is_first && stream.is_resumed() != resumes);
        is_first = false;
        stream.close();
        begin.elapsed()
    };
    visit();
    usage::wait_for_go();
    let begin = Instant::now();
    let end = begin + args.time();
    let mut times = Times::default();
    while Instant::now() < end && times.len() < args.number("count") {
        times.add(visit());
    }
    let nanos = begin.elapsed().as_nanos();
    times.print(&format!("time_ns={nanos} wrong={wrong}"));
}
