use http::{HeaderName, HeaderValue};

use super::*;

impl WsRequest {
    /// One without headers.
    pub(super) fn for_tests() -> Self {
        request(&[])
    }
}

fn request(lines: &[(&str, &str)]) -> WsRequest {
    let line = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
    };
    let mut headers = HeaderMap::new();
    for (name, value) in lines.iter().map(line) {
        headers.append(name, value);
    }
    WsRequest {
        method: Method::GET,
        uri: "/chat?token=secret".parse().unwrap(),
        headers,
        is_upgrade: true,
        params: vec![("room".into(), "lobby".into())],
        subprotocol: None,
        peer_addr: None,
        resource_id: ResourceId::from(0),
        facts: vec![Arc::new(7_u32), Arc::new("fact".to_owned())],
    }
}

#[test]
fn what_a_request_says_is_found() {
    let request = request(&[
        ("X-Room", "1"),
        ("X-Room", "2"),
        ("X-Raw", "\u{fc}"),
        ("Cookie", "a=1; session=abc=def ;b=2"),
        ("Cookie", "session=other; late=\"quoted\""),
        ("Sec-WebSocket-Protocol", "chat.v2, chat.v1"),
        ("Sec-WebSocket-Protocol", "soap"),
        (
            "Sec-WebSocket-Extensions",
            "permessage-deflate; client_max_window_bits, x; y=\"a, \\\", b\",, z",
        ),
        ("Origin", "https://example.org"),
    ]);
    assert_eq!((request.path(), request.query()), ("/chat", Some("token=secret")));
    assert_eq!(request.header("x-room"), Some("1"));
    assert_eq!(request.headers().get_all("x-room").iter().count(), 2);
    assert_eq!(
        (request.header("x-raw"), request.header("x"), request.header("no name")),
        (None, None, None)
    );
    assert_eq!(request.cookie("session"), Some("abc=def"));
    assert_eq!((request.cookie("b"), request.cookie("late")), (Some("2"), Some("\"quoted\"")));
    assert_eq!((request.cookie("Session"), request.cookie("sessio")), (None, None));
    assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["chat.v2", "chat.v1", "soap"]);
    let offers = ["permessage-deflate; client_max_window_bits", "x; y=\"a, \\\", b\"", "z"];
    assert_eq!(request.extensions().collect::<Vec<_>>(), offers);
    assert_eq!(request.origin(), Some("https://example.org"));
    assert_eq!((request.param("room"), request.param("door")), (Some("lobby"), None));
    assert_eq!((request.info::<u32>().as_deref(), request.info::<u8>()), (Some(&7), None));
    assert_eq!(request.info::<String>().as_deref().map(String::as_str), Some("fact"));
}

#[test]
fn credentials_are_taken_from_one_header_alone() {
    let basic = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="; // RFC 7617 section 2.
    let of = |values: &[&str]| {
        request(&values.iter().map(|value| ("Authorization", *value)).collect::<Vec<_>>())
    };
    assert_eq!(of(&["Bearer abc.def"]).bearer(), Some("abc.def"));
    assert_eq!(of(&["bEARER  abc"]).bearer(), Some("abc"));
    for values in
        [&[][..], &["Bearer"], &["Bearer "], &["Bearerabc"], &[basic], &["Bearer a", "Bearer a"]]
    {
        assert_eq!(of(values).bearer(), None, "{values:?}");
    }
    let expected = Some(("Aladdin".to_owned(), "open sesame".to_owned()));
    assert_eq!(of(&[basic]).basic(), expected);
    // A password may have colons, and either may be empty.
    assert_eq!(of(&["basic dTphOmI="]).basic(), Some(("u".into(), "a:b".into())));
    assert_eq!(of(&["Basic Og=="]).basic(), Some((String::new(), String::new())));
    for values in
        [&["Basic !"][..], &["Basic dQ=="], &["Basic /w=="], &["Bearer dTphOmI="], &[basic, basic]]
    {
        assert_eq!(of(values).basic(), None, "{values:?}");
    }
}

#[test]
fn debug_output_tells_no_secret() {
    let request = request(&[
        ("Host", "example.org"),
        ("Authorization", "Bearer secret"),
        ("Cookie", "session=secret"),
        ("Sec-WebSocket-Protocol", "secret"),
        ("X-Api-Key", "secret"),
        ("Referer", "https://example.org/?secret"),
    ]);
    let text = format!("{request:?}");
    assert!(!text.contains("secret"), "{text}");
    for shown in ["/chat", "example.org", "authorization", "x-api-key"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
}
