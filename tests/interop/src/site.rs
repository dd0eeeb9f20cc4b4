//! A site of ours: pages, and chats on conditions.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;

use polywire::adapters::ws::{
    Accept, Answer, Deflate, Response, Routes, WsListenConfig, WsRequest,
};
use polywire::network::ResourceId;

use crate::Result;
use crate::ours::EchoServer;

/// The origin whose pages may connect.
pub const ORIGIN: &str = "https://good.example";
pub const TOKEN: &str = "1234";
pub const SUBPROTOCOL: &str = "chat.v2";
pub const PAGE: &str = "<!doctype html><title>polywire</title>";

/// An echo server with routes.
pub struct Site {
    pub addr: SocketAddr,
    _echo: EchoServer,
}

impl Site {
    pub fn start() -> Result<Self> {
        let (asked, late) = mpsc::channel::<ResourceId>();
        let routes = Routes::new()
            .with("/", |_| Response::html(200, PAGE))
            .with("/health", |_| Response::text(200, "ok\n"))
            .with("/chat", |_| Accept::new())
            .with("/private", private)
            .with("/rooms/{room}", room)
            .with("/late", move |request| {
                let _ = asked.send(request.resource_id());
                Answer::Later
            });
        let config = WsListenConfig::default()
            .with_allowed_origins([ORIGIN])
            .with_routes(routes)
            .with_deflate(Deflate::default());
        let echo = EchoServer::listen(config)?;
        let handler = echo.handler().clone();
        // Ends with the hook, which is dropped with the listener.
        thread::spawn(move || {
            for id in late {
                handler.network().control(id, Accept::new());
            }
        });
        Ok(Self { addr: echo.addr, _echo: echo })
    }
}

fn private(request: &WsRequest) -> Answer {
    match request.bearer() {
        Some(TOKEN) => Accept::new().into(),
        _ => Response::text(401, "log in first\n").with_header("WWW-Authenticate", "Bearer").into(),
    }
}

/// One may enter with the subprotocol of this house alone.
fn room(request: &WsRequest) -> Answer {
    if request.subprotocols().any(|asked| asked == SUBPROTOCOL) {
        let name = request.param("room").unwrap_or_default().to_owned();
        return Accept::new().with_subprotocol(SUBPROTOCOL).with_header("Room", name).into();
    }
    Response::text(400, "another subprotocol\n").into()
}
