//! Each fault that a stream may have is found, by the check that the table names; and none is found where there is none,
//! nor over a bad link.
#![allow(unreachable_pub)]

#[path = "planted/duplex.rs"]
mod duplex;

use std::io::{ErrorKind, IoSlice};
use std::time::Duration;

use polywire_core::adapter::Accepted;
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{Layer, Stream};
use polywire_testkit::conformance::stream::checks;
use polywire_testkit::conformance::{FaultyLink, FaultyStream, StreamSubject, run_in_time};

use duplex::{Duplex, Fault, pair};

/// What a check waits for in vain, where there is a fault.
const BRIEFLY: Duration = Duration::from_millis(400);
const LIMIT: Duration = Duration::from_secs(20);

polywire_testkit::conformance! {
    stream without_a_fault = StreamSubject::new(|| pair::<false>(Fault::None)).with_marked_end();
}

polywire_testkit::conformance! {
    stream that_claims_what_it_keeps = StreamSubject::new(|| pair::<true>(Fault::None)).with_marked_end();
}

polywire_testkit::conformance! {
    stream whose_bytes_arrive_in_parts = StreamSubject::new(|| pair::<true>(Fault::ArrivesInParts))
        .with_marked_end();
}

fn over(link: &FaultyLink) -> (FaultyStream<Duplex<false>>, FaultyStream<Duplex<false>>) {
    let (one, other) = pair(Fault::None);
    let addr = RemoteAddr::Str("nowhere".into());
    let accepted = Accepted::new(addr.clone(), addr.clone());
    (link.connect(one, &addr).unwrap(), link.accept(other, &accepted).unwrap())
}

polywire_testkit::conformance! {
    stream over_a_bad_link = StreamSubject::new(|| {
        over(&FaultyLink::new(1).with_longest_read(3_000).with_longest_write(2_000).with_would_block(100))
    })
    .with_marked_end();
}

#[test]
fn a_link_is_reset_behind_the_byte_that_it_was_told() {
    let (one, other) = over(&FaultyLink::new(1).with_reset_after(10));
    assert_eq!(one.write_vectored(&[IoSlice::new(&[7; 10])]).unwrap(), 10);
    let error = one.write_vectored(&[IoSlice::new(&[7; 10])]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(other.read(&mut [0; 20]).unwrap(), 10);
    assert_eq!(other.read(&mut [0; 20]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

/// The table: one test for each row.
macro_rules! found_by {
    ($($fault:ident $check:ident $claims:literal;)+) => {
        #[allow(non_snake_case, reason = "the names are those of the faults")]
        mod is_found {
            use super::*;

            $(#[test]
            fn $fault() {
                let subject = StreamSubject::new(|| pair::<$claims>(Fault::$fault));
                let subject = subject.with_deadline(BRIEFLY).with_marked_end();
                let found = run_in_time(LIMIT, move || checks::$check(&subject));
                println!("{}: {found:?}", stringify!($fault));
                assert!(found.is_err(), "not found by {}", stringify!($check));
            })+
        }
    };
}

found_by! {
    LosesBytes bytes_arrive_as_they_were_written false;
    ReadsTooMuch bytes_arrive_as_they_were_written false;
    TakesTooMuch bytes_arrive_as_they_were_written false;
    ForgetsTheSecondSlice bytes_arrive_as_they_were_written false;
    TakesAndBlocks a_full_stream_goes_on_where_it_stopped false;
    HasNoBound a_full_stream_goes_on_where_it_stopped false;
    IsNotDrained a_read_that_has_drained_the_stream_leaves_nothing true;
    IsNotFilled a_short_write_has_filled_the_stream true;
    IsFlushedTooSoon nothing_is_left_once_it_is_flushed false;
    EndsTooSoon the_end_comes_behind_the_last_byte false;
    HasNoEnd the_end_comes_behind_the_last_byte false;
    EndsBothWays the_end_comes_behind_the_last_byte false;
    LivesOnWhenDropped a_stream_that_is_dropped_ends false;
    TellsLossAsEnd an_end_that_was_lost_is_no_good_end false;
    BlocksForTheDead a_write_to_a_peer_that_is_gone_fails false;
    GoesOneWay both_directions_work_at_once false;
}
