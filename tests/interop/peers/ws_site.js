// A WebSocket echo server of another make: `ws_site.js TOKEN SUBPROTOCOL`.
//
// Prints its port. `/private` wants the token, `/moved` leads to `/`, and `/room` wants the subprotocol.
"use strict";
const http = require("node:http");
const { WebSocketServer } = require("ws");

const [token, subprotocol] = process.argv.slice(2);
const handleProtocols = (asked) => asked.has(subprotocol) && subprotocol;
const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, handleProtocols });
server.on("connection", (peer) => {
  peer.on("message", (data, binary) => peer.send(data, { binary }));
});

function refuse(socket, head, body) {
  socket.end(`HTTP/1.1 ${head}\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
}

const listener = http.createServer();
listener.on("upgrade", (request, socket, head) => {
  if (request.url === "/private" && request.headers.authorization !== `Bearer ${token}`) {
    refuse(socket, "401 Unauthorized", "log in first\n");
  } else if (request.url === "/moved") {
    refuse(socket, "302 Found\r\nLocation: /", "");
  } else {
    server.handleUpgrade(request, socket, head, (peer) => server.emit("connection", peer));
  }
});
listener.listen(0, "127.0.0.1", () => console.log("port", listener.address().port));
