// Compressed messages of another make: `ws_deflate.js client PARAMETERS URL` or `ws_deflate.js server PARAMETERS`.
//
// PARAMETERS are those of `ws`, as JSON. The server prints its port and sends back what it gets. The client prints what the
// server agreed to, and compares what comes back.
"use strict";
const assert = require("node:assert");
const { randomBytes } = require("node:crypto");
const { once } = require("node:events");
const { WebSocket, WebSocketServer } = require("ws");

async function client(perMessageDeflate, url) {
  const peer = new WebSocket(url, { perMessageDeflate });
  peer.on("upgrade", (response) => {
    console.log("agreed", response.headers["sec-websocket-extensions"]);
  });
  await once(peer, "open");
  const messages = ["h\u00e9llo ".repeat(1000), Buffer.alloc(0), "short", randomBytes(70000), Buffer.alloc(1 << 20, 7)];
  for (const message of [...messages, ...messages, ...messages]) {
    const answered = once(peer, "message");
    peer.send(message);
    const [data, binary] = await answered;
    assert.ok(data.equals(Buffer.from(message)));
    assert.strictEqual(binary, typeof message !== "string");
  }
  console.log("all as sent");
  peer.close(1000);
}

function serve(perMessageDeflate) {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate });
  server.on("listening", () => console.log("port", server.address().port));
  server.on("connection", (peer) => {
    peer.on("message", (data, binary) => peer.send(data, { binary }));
  });
}

const [role, parameters, ...rest] = process.argv.slice(2);
const all = { threshold: 0, ...JSON.parse(parameters) };
if (role === "server") serve(all);
else client(all, ...rest).catch((error) => {
  console.error(error);
  process.exit(1);
});
