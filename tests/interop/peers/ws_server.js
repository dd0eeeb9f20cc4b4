// A WebSocket echo server of another make: prints its port, then the code each connection ended with.
//
// Answers a message of a mebibyte or more in fragments, `text` as text, and `close` with its own
// close frame.
"use strict";
const { WebSocketServer } = require("ws");

const FRAGMENT = 64 * 1024;

function sendInFragments(peer, data, binary) {
  for (let at = 0; at < data.length; at += FRAGMENT) {
    const fin = at + FRAGMENT >= data.length;
    peer.send(data.subarray(at, at + FRAGMENT), { binary, fin });
  }
}

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
server.on("listening", () => console.log("port", server.address().port));
server.on("connection", (peer) => {
  peer.ping();
  peer.on("pong", () => console.log("pong"));
  peer.on("close", (code) => console.log("closed", code));
  peer.on("message", (data, binary) => {
    if (data.toString() === "close") peer.close(1000, "as you asked");
    else if (data.length >= 1 << 20) sendInFragments(peer, data, binary);
    else peer.send(data, { binary: binary && data.toString() !== "text" });
  });
});
