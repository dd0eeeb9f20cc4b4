use std::net::SocketAddr;

use super::*;

fn parsed(text: &str) -> io::Result<(String, String, String)> {
    let url = WsUrl::parse(&text.to_remote_addr().unwrap())?;
    let host = url.host_header(url.scheme.unwrap_or(Scheme::Ws));
    Ok((url.addr.to_string(), host, url.path))
}

#[test]
fn an_address_gives_host_port_and_path() {
    for (text, addr, host, path) in [
        ("ws://example.org", "example.org:80", "example.org", "/"),
        ("WS://example.org:81/chat?a=b", "example.org:81", "example.org:81", "/chat?a=b"),
        ("ws://example.org?a=b", "example.org:80", "example.org", "/?a=b"),
        ("ws://127.0.0.1:3042/x", "127.0.0.1:3042", "127.0.0.1:3042", "/x"),
        ("ws://[::1]:81/", "[::1]:81", "[::1]:81", "/"),
        ("ws://[::1]", "[::1]:80", "[::1]", "/"),
        ("ws://h/s?ids=[%22a%22,2]", "h:80", "h", "/s?ids=[%22a%22,2]"),
        ("ws://h/[%20]/x", "h:80", "h", "/[%20]/x"),
        ("ws://h?[%20]", "h:80", "h", "/?[%20]"),
        ("ws://[::1]:81/[%20]", "[::1]:81", "[::1]:81", "/[%20]"),
        ("ws://[fe80::1%3]:81/[%20]", "[fe80::1%3]:81", "[fe80::1]:81", "/[%20]"),
        ("ws://example.org:80", "example.org:80", "example.org", "/"),
        ("ws://example.org:443", "example.org:443", "example.org:443", "/"),
        ("wss://example.org:443", "example.org:443", "example.org", "/"),
        ("wss://[::1]:80", "[::1]:80", "[::1]:80", "/"),
        ("[::1]:80", "[::1]:80", "[::1]", "/"),
        ("127.0.0.1:3042", "127.0.0.1:3042", "127.0.0.1:3042", "/"),
        ("[::1]:3042", "[::1]:3042", "[::1]:3042", "/"),
        ("localhost:3042", "localhost:3042", "localhost:3042", "/"),
    ] {
        let expected = (addr.into(), host.into(), path.into());
        assert_eq!(parsed(text).unwrap(), expected, "{text}");
    }
}

#[test]
fn an_ip_address_needs_no_look_up() {
    let url = WsUrl::parse(&RemoteAddr::Str("ws://[::1]:81/".into())).unwrap();
    assert!(url.remote_addr().is_socket_addr());
}

#[test]
fn secure_addresses_have_a_port_of_their_own() {
    let url = |text: &str| WsUrl::parse(&text.to_remote_addr().unwrap()).unwrap();
    let secure = url("WSS://example.org/a?b");
    assert_eq!(secure.scheme(), Some(Scheme::Wss));
    assert_eq!(secure.remote_addr().to_string(), "example.org:443");
    let host = secure.host_header(Scheme::Wss);
    assert_eq!((host.as_str(), secure.path()), ("example.org", "/a?b"));
    assert_eq!(url("ws://example.org").scheme(), Some(Scheme::Ws));
    assert_eq!(url("example.org:80").scheme(), None);
}

#[test]
fn no_error_tells_a_query_or_who_asks() {
    for text in [
        "wss://h:x/?token=secret",
        "wss://secret@h/",
        "ws://user:secret@h:80/path?token=secret",
        "user:secret@h:80",
        "http://h/?secret",
        "ws://h/#secret",
        "ws://h:70000/?a=/secret@",
        "ws://h/a b?secret",
    ] {
        let error = parsed(text).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
        assert!(error.contains("h"), "{error}");
    }
}

#[test]
fn the_zone_of_an_ipv6_address_is_this_side_s_alone() {
    let url = |text: &str| WsUrl::parse(&text.to_remote_addr().unwrap()).unwrap();
    for text in ["ws://[fe80::1%3]:81/", "ws://[fe80::1%253]:81/", "[fe80::1%3]:81"] {
        let url = url(text);
        assert_eq!(url.authority(), "[fe80::1]:81", "{text}");
        assert_eq!(WsUrl::parse(&url.server(Scheme::Ws)).unwrap().addr, url.addr);
        let RemoteAddr::Socket(SocketAddr::V6(addr)) = url.remote_addr() else { panic!("{text}") };
        assert_eq!(addr.scope_id(), 3, "{text}");
    }
    for text in ["ws://[fe80::1%lo]:81/", "ws://[fe80::1%25lo]:81/"] {
        let url = url(text);
        assert_eq!((url.authority().as_str(), url.path()), ("[fe80::1]:81", "/"));
        assert_eq!(WsUrl::parse(&url.server(Scheme::Ws)).unwrap().addr, url.addr);
        #[cfg(target_os = "linux")]
        {
            let addrs = url.remote_addr().resolve().unwrap();
            assert!(matches!(addrs[0], SocketAddr::V6(addr) if addr.scope_id() == 1), "{addrs:?}");
        }
    }
}

#[test]
fn a_server_is_the_same_by_host_port_and_zone() {
    let url = |text: &str| WsUrl::parse(&RemoteAddr::Str(text.into())).unwrap();
    for (one, other, is_same) in [
        ("ws://Example.org/a", "ws://example.org:80/b", true),
        ("ws://[::1]:81/", "ws://[0::1]:81/", true),
        ("ws://[::ffff:127.0.0.1]:81/", "ws://127.0.0.1:81/", true),
        ("ws://[::ffff:127.0.0.1]:81/", "ws://127.0.0.2:81/", false),
        ("ws://[::ffff:127.0.0.1]:81/", "ws://127.0.0.1:82/", false),
        ("ws://[::1]:81/", "ws://127.0.0.1:81/", false),
        ("ws://example.org", "ws://example.org.", false),
        ("ws://example.org", "ws://example.org:81", false),
        ("ws://[fe80::1%1]:81/", "ws://[fe80::1%251]:81/", true),
        ("ws://[fe80::1%1]:81/", "ws://[fe80::1%2]:81/", false),
        ("ws://[fe80::1%lo]:81/", "ws://[fe80::1%eth0]:81/", false),
    ] {
        assert_eq!(url(one).is_on_host_of(&url(other)), is_same, "{one} {other}");
    }
}

#[test]
fn ordinary_mistakes_are_told_by_name() {
    for (text, part) in [
        ("ws://localhost:99999/", "the port is 1 to 65535"),
        ("localhost:99999", "the port is 1 to 65535"),
        ("http://localhost:80/chat", "write ws:// for http://"),
        ("HTTPS://localhost/chat", "write wss:// for https://"),
        ("ws:/localhost", "it has no ws:// and host"),
        ("/ws", "it has no ws:// and host"),
        ("localhost:80/ws", "what has a path begins with ws://"),
        (":4005", "it has no host"),
        ("ws://:4005/", "it has no host"),
        ("localhost", "it has no port"),
    ] {
        let error = parsed(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn what_is_no_address_is_an_error_that_says_how_to_write_one() {
    for text in [
        "",
        "not a url",
        "localhost",
        "localhost:",
        ":80",
        "localhost:70000",
        "://x",
        "http://example.org/",
        "ftp://x",
        "ws://",
        "ws:///path",
        "ws://:80/",
        "ws://h:70000/",
        "ws://h:/",
        "ws://user@h/",
        "ws://user:pw@h:80/",
        "user@h:80",
        "ws://h/#fragment",
        "ws://h/a b",
        "ws://h/a\r\nX: y",
        "ws://h\0/",
        "ws://[::1/",
        "ws://[::1]x:80/",
        "ws://größe/",
        "host:80/path",
    ] {
        let error = parsed(text).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{text}");
        assert!(error.to_string().contains("ws://host"), "{text}: {error}");
    }
}
