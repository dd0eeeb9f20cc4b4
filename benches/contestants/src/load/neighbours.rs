//! Connections that have one message under way each, beside one that floods the server.

use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use super::client::{Client, Shared, connect};
use crate::args::Args;
use crate::times::Times;
use crate::usage;

/// Messages that the flood has under way.
const FLOOD: u64 = 4096;
/// Bytes of a neighbour's message.
const SHORT: usize = 16;
const FLOODING: Token = Token(usize::MAX);

pub(super) fn run(args: &Args) {
    let mut poll = Poll::new().expect("a poll");
    let mut events = Events::with_capacity(1024);
    let both = Interest::READABLE | Interest::WRITABLE;
    let mut long = Shared::new(args);
    let mut short = Shared::of_size(args, SHORT);
    let mut neighbours: Vec<_> = (0..args.number("conns"))
        .map(|index| {
            let mut neighbour = Client::new(connect(args.peer(), &short), 0, 0);
            poll.registry().register(neighbour.stream(), Token(index), both).expect("registers");
            (neighbour, Instant::now())
        })
        .collect();
    let mut flood = Client::new(connect(args.peer(), &long), 0, 0);
    poll.registry().register(flood.stream(), FLOODING, both).expect("registers");
    usage::wait_for_go();

    let mut times = Times::default();
    let end = Instant::now() + args.time();
    flood.send(FLOOD, &mut long);
    for (neighbour, sent_at) in &mut neighbours {
        *sent_at = Instant::now();
        neighbour.send(1, &mut short);
    }
    while Instant::now() < end {
        poll.poll(&mut events, Some(Duration::from_secs(1))).expect("polls");
        for event in &events {
            if event.token() == FLOODING {
                flood.flush();
                let came = flood.read(&mut long);
                flood.send(came, &mut long);
                continue;
            }
            let (neighbour, sent_at) = &mut neighbours[event.token().0];
            if neighbour.read(&mut short) > 0 {
                times.add(sent_at.elapsed());
                *sent_at = Instant::now();
                neighbour.send(1, &mut short);
            }
        }
    }
    // One that was never answered has waited all the time.
    let unanswered = neighbours.iter().filter(|(neighbour, _)| neighbour.answered == 0);
    unanswered.for_each(|(_, sent_at)| times.add(sent_at.elapsed()));
    let wrong = flood.wrong + neighbours.iter().map(|(neighbour, _)| neighbour.wrong).sum::<u64>();
    times.print(&format!("wrong={wrong}"));
    usage::wait_for_end();
}
