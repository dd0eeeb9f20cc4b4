// Close frames of another make: `ws_close.js client URL CODES REASON`, or `ws_close.js server`, which prints its port.
//
// The client has the server close with each of the codes, by a message `close CODE REASON`, then closes with each itself, then
// waits for a ping. The server closes as such a message says. Both print how connections ended.
"use strict";
const { once } = require("node:events");
const { WebSocket, WebSocketServer } = require("ws");

async function client(url, codes, reason) {
  let pinged;
  const ping = new Promise((resolve) => (pinged = resolve));
  const open = async () => {
    const peer = new WebSocket(url, { perMessageDeflate: false });
    peer.on("ping", pinged);
    await once(peer, "open");
    return peer;
  };
  for (const code of codes.split(",")) {
    const peer = await open();
    const closed = once(peer, "close");
    peer.send(`close ${code} ${reason}`);
    const [got, why] = await closed;
    console.log(`closed by the server: ${got} ${why}`);
  }
  for (const code of codes.split(",")) {
    const peer = await open();
    await ping;
    const closed = once(peer, "close");
    peer.close(Number(code), reason);
    await closed;
  }
  console.log("pinged");
}

function serve() {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  server.on("listening", () => console.log("port", server.address().port));
  server.on("connection", (peer) => {
    let byUs = false;
    peer.on("message", (data) => {
      const [, code, reason] = data.toString().split(" ");
      byUs = true;
      peer.close(Number(code), reason);
    });
    peer.on("close", (code, reason) => {
      if (!byUs) console.log(`closed by the client: ${code} ${reason}`);
    });
  });
}

const [role, ...rest] = process.argv.slice(2);
if (role === "server") serve();
else client(...rest).catch((error) => {
  console.error(error);
  process.exit(1);
});
