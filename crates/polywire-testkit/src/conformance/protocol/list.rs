//! The list of the checks of protocols.

/// Hands the list to `$emit`, behind `$context`.
#[doc(hidden)]
#[macro_export]
macro_rules! __protocol_checks {
    ($emit:ident $context:tt) => {
        $crate::$emit! {
            $context
            decode_consumes_no_more_than_there_is
            incomplete_consumes_nothing
            decode_gets_on
            decode_leaves_the_rest_alone
            out_only_grows
            a_protocol_is_ready_once
            no_message_comes_before_ready
            no_more_is_kept_than_was_received
            messages_are_the_same_at_every_cut
            messages_are_the_same_byte_by_byte
            no_more_is_needed_than_it_takes
            the_handshake_is_the_same_in_parts_of_any_length
            any_bytes_mean_the_same_however_they_are_cut
            the_time_of_a_message_is_linear_in_its_bytes
            a_frame_is_the_same_twice
            a_frame_holds_the_message
            an_ordered_encoder_changes_messages
            encoders_of_one_number_frame_alike
            the_largest_message_arrives_and_no_longer_one
            a_message_that_is_cut_short_is_no_graceful_end
            what_close_says_is_a_graceful_end
            a_heartbeat_does_no_harm
            an_unknown_control_value_changes_nothing
            a_deadline_that_was_served_is_over
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __each_protocol_test {
    ([($subject:expr) ($packets:ident)] $($name:ident)+) => {
        $(#[test]
        fn $name() {
            $subject.with_packets($crate::__flag!($packets)).__assert_holds(
                stringify!($name),
                $crate::conformance::protocol::checks::$name,
            );
        })+
    };
}
