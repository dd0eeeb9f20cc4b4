//! Guides: one page for each thing that a program comes to need.
//!
//! | page | read it |
//! |---|---|
//! | [configuring] | to change a limit, or an option of a transport |
//! | [back-pressure](back_pressure) | before sending much, or to peers that may be slow |
//! | [close reasons](close_reasons) | to know why a connection ended, and what to do then |
//! | [other ways to run it](ways_to_run) | for a thread, a queue, a game loop, connections that come back |
//! | [writing an adapter](writing_an_adapter) | where a transport is missing |
//! | [WebSocket server](websocket_server) | to serve browsers: requests, pages, origins, closes, compression |
//! | [WebSocket client](websocket_client) | to speak to a WebSocket API: headers, redirects, proxies, refusals |
//! | [going secure](going_secure) | to speak TLS: certificates, browsers, reload |
//! | [behind a proxy](behind_a_proxy) | where nginx, HAProxy or a load balancer stands in front |
//! | [running in production](production) | before strangers connect: limits, logs, numbers |
//! | [performance] | where much is sent, or an answer must come fast |
//! | [test your program](test_your_program) | to test a program without sockets, in virtual time, on a bad network |
//! | [coming from message-io](from_message_io) | with a program that runs on message-io |

// The pages define their links at their end, for those who read them as files. Of two definitions the first one
// counts, so those given here lead to the item instead, and rustdoc checks them.

#[doc = "[`Limits`]: crate::Limits"]
#[doc = "[`NodeLimits`]: crate::NodeLimits"]
#[doc = "[`TcpConnectConfig`]: crate::adapters::tcp::TcpConnectConfig"]
#[doc = "[`TcpListenConfig`]: crate::adapters::tcp::TcpListenConfig"]
#[doc = "[`FramedTcpConnectConfig`]: crate::adapters::framed_tcp::FramedTcpConnectConfig"]
#[doc = "[`FramedTcpListenConfig`]: crate::adapters::framed_tcp::FramedTcpListenConfig"]
#[doc = "[`UdpConnectConfig`]: crate::adapters::udp::UdpConnectConfig"]
#[doc = "[`UdpListenConfig`]: crate::adapters::udp::UdpListenConfig"]
#[doc = "[`WsConnectConfig`]: crate::adapters::ws::WsConnectConfig"]
#[doc = "[`WsListenConfig`]: crate::adapters::ws::WsListenConfig"]
#[doc = "[running in production]: crate::guide::production"]
#[doc = ""]
#[doc = include_str!("../docs/guide/configuring.md")]
pub mod configuring {}

#[doc = "[close reasons]: crate::guide::close_reasons"]
#[doc = ""]
#[doc = include_str!("../docs/guide/back_pressure.md")]
pub mod back_pressure {}

#[doc = "[back-pressure]: crate::guide::back_pressure"]
#[doc = ""]
#[doc = include_str!("../docs/guide/close_reasons.md")]
pub mod close_reasons {}

#[doc = include_str!("../docs/guide/ways_to_run.md")]
pub mod ways_to_run {}

#[doc = "[`adapter`]: crate::adapter"]
#[doc = ""]
#[doc = include_str!("../docs/guide/writing_an_adapter.md")]
pub mod writing_an_adapter {}

#[doc = "[`Routes`]: crate::adapters::ws::Routes"]
#[doc = "[`Response`]: crate::adapters::ws::Response"]
#[doc = "[`WsRequest`]: crate::adapters::ws::WsRequest"]
#[doc = "[`Answer::Later`]: crate::adapters::ws::Answer::Later"]
#[doc = "[`TEXT_START`]: crate::adapters::ws::TEXT_START"]
#[doc = "[`BINARY_START`]: crate::adapters::ws::BINARY_START"]
#[doc = "[`CONTINUATION`]: crate::adapters::ws::CONTINUATION"]
#[doc = "[`CONTINUATION_END`]: crate::adapters::ws::CONTINUATION_END"]
#[doc = "[`Limits`]: crate::Limits"]
#[doc = "[configuring]: crate::guide::configuring"]
#[doc = "[back-pressure]: crate::guide::back_pressure"]
#[doc = "[running in production]: crate::guide::production"]
#[doc = "[other end]: crate::guide::websocket_client"]
#[doc = "[behind a proxy]: crate::guide::behind_a_proxy"]
#[cfg_attr(feature = "__tls", doc = "[going secure]: crate::guide::going_secure")]
#[doc = ""]
#[doc = include_str!("../docs/guide/websocket_server.md")]
pub mod websocket_server {}

#[doc = "[`Reconnecting`]: crate::Reconnecting"]
#[doc = "[`CloseReason::HandshakeRefused`]: crate::CloseReason::HandshakeRefused"]
#[doc = "[`WsRefusal`]: crate::adapters::ws::WsRefusal"]
#[doc = "[back-pressure]: crate::guide::back_pressure"]
#[doc = "[other end]: crate::guide::websocket_server"]
#[cfg_attr(feature = "__tls", doc = "[going secure]: crate::guide::going_secure")]
#[doc = ""]
#[doc = include_str!("../docs/guide/websocket_client.md")]
pub mod websocket_client {}

#[doc = "[limits]: crate::guide::configuring"]
#[doc = "[log]: crate::guide::production"]
#[doc = "[behind a proxy]: crate::guide::behind_a_proxy"]
#[doc = ""]
#[doc = include_str!("../docs/guide/going_secure.md")]
#[cfg(feature = "__tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
pub mod going_secure {}

#[doc = include_str!("../docs/guide/behind_a_proxy.md")]
#[cfg(any(feature = "__tls", not(doctest)))] // One of its programs needs TLS.
pub mod behind_a_proxy {}

#[doc = "[back-pressure]: crate::guide::back_pressure"]
#[doc = "[going secure]: crate::guide::going_secure"]
#[doc = "[behind a proxy]: crate::guide::behind_a_proxy"]
#[doc = ""]
#[doc = include_str!("../docs/guide/production.md")]
pub mod production {}

#[doc = "[back-pressure]: crate::guide::back_pressure"]
#[doc = "[behind a proxy]: crate::guide::behind_a_proxy"]
#[doc = ""]
#[doc = include_str!("../docs/guide/performance.md")]
pub mod performance {}

#[doc = "[`Limits`]: crate::Limits"]
#[doc = "[`when_full`]: crate::Limits::when_full"]
#[doc = ""]
#[doc = include_str!("../docs/guide/test_your_program.md")]
pub mod test_your_program {}

#[doc = "[configuring]: crate::guide::configuring"]
#[doc = "[writing an adapter]: crate::guide::writing_an_adapter"]
#[doc = ""]
#[doc = include_str!("../docs/guide/from_message_io.md")]
pub mod from_message_io {}
