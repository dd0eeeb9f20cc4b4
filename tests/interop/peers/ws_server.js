// A WebSocket echo server of another make: `ws_server.js [CERTIFICATE KEY]`, over TLS with these.
//
// Prints its port, then the code each connection ended with.
// Answers a message of a mebibyte or more in fragments, `text` as text, and `close` with its own
// close frame.
"use strict";
const { readFileSync } = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const { WebSocketServer } = require("ws");

const FRAGMENT = 64 * 1024;

function sendInFragments(peer, data, binary) {
  for (let at = 0; at < data.length; at += FRAGMENT) {
    const fin = at + FRAGMENT >= data.length;
    peer.send(data.subarray(at, at + FRAGMENT), { binary, fin });
  }
}

const [cert, key] = process.argv.slice(2).map((path) => readFileSync(path));
const listener = cert ? https.createServer({ cert, key }) : http.createServer();
listener.listen(0, "127.0.0.1", () => console.log("port", listener.address().port));
const server = new WebSocketServer({ server: listener, perMessageDeflate: false });
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
