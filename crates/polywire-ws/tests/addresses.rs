//! What `connect` makes of addresses.

use std::io::ErrorKind;
use std::net::TcpListener;

use polywire_core::CloseReason;
use polywire_core::adapter::{Connect, Listen};
use polywire_core::address::ToRemoteAddr;
use polywire_ws::{Response, Routes, Ws, WsConnectConfig, WsListenConfig};

fn error_of(connect: &impl Connect, address: &str) -> std::io::Error {
    connect.connect(&address.to_remote_addr().unwrap()).unwrap_err()
}

#[test]
fn nothing_is_opened_for_what_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let addr = listener.local_addr().unwrap();
    #[cfg(not(feature = "__tls"))]
    {
        let secure = error_of(&Ws, &format!("wss://{addr}/secret?token=abc"));
        assert_eq!(secure.kind(), ErrorKind::Unsupported);
    }
    #[cfg(feature = "__tls")]
    {
        let secure = WsConnectConfig::default().with_tls(Default::default());
        assert_eq!(error_of(&secure, &format!("ws://{addr}/")).kind(), ErrorKind::InvalidInput);
    }
    let other = error_of(&Ws, &format!("http://{addr}/"));
    assert_eq!(other.kind(), ErrorKind::InvalidInput);
    let header = WsConnectConfig::default().with_header("A", "b\r\nC: d");
    assert_eq!(error_of(&header, &addr.to_string()).kind(), ErrorKind::InvalidInput);
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn what_is_no_url_and_who_is_not_known_are_errors() {
    assert_eq!(error_of(&Ws, "not a url").kind(), ErrorKind::InvalidInput);
    let unknown = error_of(&Ws, "ws://no-such-host.invalid/");
    assert!(matches!(CloseReason::of(&unknown), Some(CloseReason::Unresolved(_))), "{unknown}");
}

#[test]
fn a_subprotocol_that_is_no_token_is_an_error_of_listen() {
    let config = WsListenConfig::default().with_subprotocol("a b");
    let error = config.listen(&"127.0.0.1:0".to_remote_addr().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

fn error_of_listen(config: WsListenConfig) -> String {
    let error = config.listen(&"127.0.0.1:0".to_remote_addr().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    error.to_string()
}

#[test]
fn what_no_message_could_pass_is_an_error() {
    let error = error_of_listen(WsListenConfig::default().with_max_message_size(0));
    assert!(error.contains("max_message_size is 0"), "{error}");
    let config = WsConnectConfig::default().with_max_message_size(0);
    assert_eq!(error_of(&config, "ws://127.0.0.1:80/").to_string(), error);
}

#[test]
#[cfg(feature = "deflate")]
fn compression_of_pieces_is_an_error_that_says_what_to_do() {
    let deflate = polywire_ws::Deflate::default();
    let error =
        error_of_listen(WsListenConfig::default().with_deflate(deflate).with_fragments(true));
    assert!(error.contains("two listeners"), "{error}");
    let config = WsConnectConfig::default().with_fragments(true).with_deflate(deflate);
    assert_eq!(error_of(&config, "ws://127.0.0.1:80/").to_string(), error);
}

#[test]
fn a_route_that_no_request_gets_to_is_an_error_of_listen() {
    let routes = |paths: [&str; 2]| {
        let with = |routes: Routes, path: &&str| routes.with(path, |_| Response::new(204));
        let routes = paths.iter().fold(Routes::new(), with);
        error_of_listen(WsListenConfig::default().with_routes(routes))
    };
    assert!(routes(["/", "/rooms/:room"]).contains("write {room}"));
    assert!(routes(["/", "/*"]).contains("write {name}"));
    assert!(routes(["/a/{b}", "/a/{c}"]).contains("leave one out"));
}

#[test]
fn the_tag_is_that_of_the_transport() {
    assert_eq!(Connect::tag(&Ws), 3);
    assert_eq!(Listen::tag(&WsListenConfig::default()), 3);
}
