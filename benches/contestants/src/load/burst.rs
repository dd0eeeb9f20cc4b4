//! Connections that send much before they read its answers: what a server keeps of that afterwards.

use std::io::{Read, Write};
use std::thread;

use super::client::{Shared, connect};
use crate::args::Args;
use crate::usage;

pub(super) fn run(args: &Args) {
    let mut shared = Shared::new(args);
    let conns: usize = args.number("conns");
    let mut streams: Vec<_> = (0..conns).map(|_| connect(args.peer(), &shared).socket).collect();
    usage::wait_for_go();
    let mut frame = Vec::new();
    shared.wire.push(&shared.message, &mut frame);
    let count = args.number::<usize>("bytes") / conns / frame.len();
    // What the answers take; a server does not mask.
    let mut answer = Vec::new();
    crate::wire::Wire::server(args.transport(), args.size()).push(&shared.message, &mut answer);
    thread::scope(|scope| {
        for stream in &streams {
            let (mut stream, frame) = (stream, &frame);
            scope.spawn(move || {
                (0..count).for_each(|_| stream.write_all(frame).expect("the server reads"));
            });
        }
    });
    for stream in &mut streams {
        let mut left = count * answer.len();
        while left > 0 {
            let room = left.min(shared.buffer.len());
            let len = stream.read(&mut shared.buffer[..room]).expect("the server answers");
            assert_ne!(len, 0, "the server lives");
            left -= len;
        }
    }
    drop(streams);
    thread::sleep(std::time::Duration::from_millis(300)); // The server sees their ends.
    println!("result=1 count={} time_ns=1 wrong=0", count * conns);
    usage::wait_for_end();
}
