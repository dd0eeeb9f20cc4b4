use super::*;

fn agreed(sent: (bool, u8), received: (bool, u8)) -> Agreed {
    let direction = |(takeover, window_bits)| Direction { takeover, window_bits };
    Agreed { sent: direction(sent), received: direction(received) }
}

fn answer(config: &Deflate, lines: &[&str]) -> Option<(String, Agreed)> {
    let (answer, agreed) = accept(config, lines.iter().copied())?;
    Some((answer.strip_prefix(DEFLATE).unwrap().replace("; ", ";"), agreed))
}

const SNT: &str = ";server_no_context_takeover";
const CNT: &str = ";client_no_context_takeover";

#[test]
fn a_server_with_shared_compressors_lets_no_message_refer_to_another() {
    let config = Deflate::default();
    let both = [SNT, CNT].concat();
    for (offer, more, sent, received) in [
        ("permessage-deflate", "", 15, 15),
        ("permessage-deflate; client_max_window_bits", ";client_max_window_bits=15", 15, 15),
        ("permessage-deflate; client_max_window_bits=8", ";client_max_window_bits=8", 15, 8),
        ("permessage-deflate; server_max_window_bits=10", ";server_max_window_bits=10", 10, 15),
        ("permessage-deflate; server_max_window_bits=\"9\"", ";server_max_window_bits=9", 9, 15),
        ("permessage-deflate; server_no_context_takeover; client_no_context_takeover", "", 15, 15),
        (
            "permessage-deflate; server_max_window_bits=12; client_max_window_bits=13",
            ";server_max_window_bits=12;client_max_window_bits=13",
            12,
            13,
        ),
    ] {
        let expected = (both.clone() + more, agreed((false, sent), (false, received)));
        assert_eq!(answer(&config, &[offer]), Some(expected), "{offer}");
    }
}

#[test]
fn a_server_with_contexts_keeps_to_what_the_client_can() {
    for (config, offer, expected, sent, received) in [
        (Deflate::dedicated(15), "", "", (true, 15), (true, 15)),
        (Deflate::dedicated(15), "; server_no_context_takeover", SNT, (false, 15), (true, 15)),
        (Deflate::dedicated(15), "; client_no_context_takeover", CNT, (true, 15), (false, 15)),
        // A client whose window can't be limited would need more memory than configured.
        (Deflate::dedicated(10), "", CNT, (true, 10), (false, 15)),
        (
            Deflate::dedicated(10),
            "; client_max_window_bits",
            ";client_max_window_bits=10",
            (true, 10),
            (true, 10),
        ),
        (
            Deflate::dedicated(10),
            "; client_max_window_bits=9; server_max_window_bits=15",
            ";server_max_window_bits=10;client_max_window_bits=9",
            (true, 10),
            (true, 9),
        ),
        (
            Deflate::dedicated(15).with_send_context_takeover(false),
            "",
            SNT,
            (false, 15),
            (true, 15),
        ),
    ] {
        let offer = format!("permessage-deflate{offer}");
        let expected = (expected.to_owned(), agreed(sent, received));
        assert_eq!(answer(&config, &[&offer]), Some(expected), "{config:?}: {offer}");
    }
}

#[test]
fn the_first_offer_that_can_be_met_is_taken_from_all_lines() {
    let config = Deflate::dedicated(15);
    for lines in [
        &[
            "permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=11",
        ][..],
        &[
            "x-webkit-deflate-frame, permessage-deflate; unknown",
            "permessage-deflate; server_max_window_bits=11",
        ],
        &["malformed;", "", "permessage-deflate; server_max_window_bits=11, permessage-deflate"],
    ] {
        let expected = (";server_max_window_bits=11".into(), agreed((true, 11), (true, 15)));
        assert_eq!(answer(&config, lines), Some(expected), "{lines:?}");
    }
}

#[test]
fn offers_with_invalid_parameters_are_declined() {
    for parameters in [
        "; unknown",
        "; server_no_context_takeover=1",
        "; client_no_context_takeover=\"\"",
        "; server_no_context_takeover; server_no_context_takeover",
        "; client_no_context_takeover; client_no_context_takeover",
        "; server_max_window_bits",
        "; server_max_window_bits=7",
        "; server_max_window_bits=8",
        "; server_max_window_bits=16",
        "; server_max_window_bits=09",
        "; server_max_window_bits=+9",
        "; server_max_window_bits=",
        "; server_max_window_bits=ten",
        "; server_max_window_bits=10; server_max_window_bits=10",
        "; client_max_window_bits=7",
        "; client_max_window_bits=256",
        "; client_max_window_bits; client_max_window_bits=10",
    ] {
        let offer = format!("permessage-deflate{parameters}");
        assert_eq!(answer(&Deflate::default(), &[&offer]), None, "{offer}");
    }
    assert_eq!(answer(&Deflate::default(), &["permessage-bzip2", "Permessage-Deflate x"]), None);
    assert_eq!(answer(&Deflate::default(), &[]), None);
}

#[test]
fn a_client_asks_for_what_it_is_configured_for() {
    let shown = |config: Deflate| offer(&config).strip_prefix(DEFLATE).unwrap().replace("; ", ";");
    let shared = [SNT, CNT, ";client_max_window_bits"].concat();
    assert_eq!(shown(Deflate::default()), shared);
    assert_eq!(shown(Deflate::dedicated(15)), ";client_max_window_bits");
    let limits = ";server_max_window_bits=10;client_max_window_bits=10";
    assert_eq!(shown(Deflate::dedicated(10)), limits);
}

#[test]
fn a_client_takes_what_it_offered_and_less() {
    let confirm = |config: &Deflate, answer: &str| {
        confirm(config, [format!("permessage-deflate{answer}").as_str()].into_iter())
    };
    for (config, answer, sent, received) in [
        (Deflate::dedicated(15), "", (true, 15), (true, 15)),
        (Deflate::dedicated(15), CNT, (false, 15), (true, 15)),
        (Deflate::dedicated(15), SNT, (true, 15), (false, 15)),
        (Deflate::dedicated(15), ";server_max_window_bits=8", (true, 15), (true, 8)),
        (Deflate::dedicated(15), ";client_max_window_bits=8", (true, 8), (true, 15)),
        (Deflate::dedicated(11), ";server_max_window_bits=11", (true, 11), (true, 11)),
        (Deflate::default(), SNT, (false, 15), (false, 15)),
        (
            Deflate::default(),
            ";server_no_context_takeover;client_max_window_bits=9",
            (false, 9),
            (false, 15),
        ),
    ] {
        assert_eq!(
            confirm(&config, answer),
            Ok(Some(agreed(sent, received))),
            "{config:?}: {answer}"
        );
    }
    for (config, answer) in [
        (Deflate::default(), ""), // It asked that no message refer to another.
        (Deflate::dedicated(10), ""),
        (Deflate::dedicated(10), ";server_max_window_bits=11"),
        (Deflate::dedicated(10), ";server_max_window_bits=10;client_max_window_bits=11"),
        (Deflate::dedicated(15), ";client_max_window_bits"),
        (Deflate::dedicated(15), ";client_max_window_bits=16"),
        (Deflate::dedicated(15), ";server_max_window_bits"),
        (Deflate::dedicated(15), ";server_no_context_takeover=1"),
        (Deflate::dedicated(15), ";server_no_context_takeover;server_no_context_takeover"),
        (Deflate::dedicated(15), ";unknown"),
        (Deflate::dedicated(15), ","),
        (Deflate::dedicated(15), ", permessage-deflate"),
        (Deflate::dedicated(15), ", other"),
        (Deflate::dedicated(15), ";"),
    ] {
        let result = confirm(&config, answer);
        // An empty element alone is nothing wrong.
        assert_eq!(result.is_err(), answer != ",", "{config:?}: {answer}");
    }
    let none = super::confirm(&Deflate::default(), std::iter::empty());
    assert_eq!(none, Ok(None));
}

#[test]
fn both_ends_come_to_the_same_whatever_they_are_configured_for() {
    let directions = || (9..=15).flat_map(|bits| [(true, bits), (false, bits)]);
    let configs: Vec<Deflate> = directions()
        .flat_map(|sent| directions().map(move |received| (sent, received)))
        .map(|(sent, received)| {
            Deflate::default()
                .with_send_context_takeover(sent.0)
                .with_send_window_bits(sent.1)
                .with_receive_context_takeover(received.0)
                .with_receive_window_bits(received.1)
        })
        .collect();
    for client in &configs {
        for server in &configs {
            let (answer, of_server) = accept(server, [offer(client).as_str()].into_iter()).unwrap();
            let of_client = confirm(client, [answer.as_str()].into_iter()).unwrap().unwrap();
            let fits = |from: Direction, to: Direction| {
                from.takeover <= to.takeover && from.window_bits <= to.window_bits
            };
            assert!(fits(of_client.sent, of_server.received), "{client:?} {server:?}: {answer}");
            assert!(fits(of_server.sent, of_client.received), "{client:?} {server:?}: {answer}");
        }
    }
}
