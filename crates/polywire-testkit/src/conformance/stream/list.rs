//! The list of the checks of streams.

/// Hands the list to `$emit`, behind `$context`.
#[doc(hidden)]
#[macro_export]
macro_rules! __stream_checks {
    ($emit:ident $context:tt) => {
        $crate::$emit! {
            $context
            bytes_arrive_as_they_were_written
            a_full_stream_goes_on_where_it_stopped
            a_read_that_has_drained_the_stream_leaves_nothing
            a_short_write_has_filled_the_stream
            nothing_is_left_once_it_is_flushed
            the_end_comes_behind_the_last_byte
            a_stream_that_is_dropped_ends
            an_end_that_was_lost_is_no_good_end
            a_write_to_a_peer_that_is_gone_fails
            both_directions_work_at_once
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __each_stream_test {
    ([($subject:expr)] $($name:ident)+) => {
        $(#[test]
        fn $name() {
            $subject.__assert_holds(
                stringify!($name),
                $crate::conformance::stream::checks::$name,
            );
        })+
    };
}
