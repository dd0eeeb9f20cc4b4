// A WebSocket client of another make: `ws_requests.js URL ORIGIN TOKEN SUBPROTOCOL`.
//
// Asks for what is refused and what is not, and prints what came of it.
"use strict";
const WebSocket = require("ws");

const [url, goodOrigin, token, subprotocol] = process.argv.slice(2);

function ask(path, subprotocols = [], options = {}) {
  return new Promise((resolve, reject) => {
    const peer = new WebSocket(url + path, subprotocols, { perMessageDeflate: false, ...options });
    let room;
    peer.on("upgrade", (response) => (room = response.headers.room));
    peer.on("open", () => peer.send("hello"));
    peer.on("message", (data, binary) => {
      if (binary || data.toString() !== "hello") reject(`'${data}' came back`);
      resolve(peer.protocol ? `${peer.protocol} ${room}` : "echoed");
      peer.close(1000);
    });
    peer.on("unexpected-response", (_, response) => {
      const body = [];
      response.on("data", (part) => body.push(part));
      response.on("end", () => resolve(`${response.statusCode} ${Buffer.concat(body)}`));
    });
    peer.on("error", reject);
  });
}

async function main() {
  const say = (name, outcome) => console.log(name, outcome.trim());
  say("private", await ask("/private"));
  say("nowhere", await ask("/nowhere"));
  say("bad origin", await ask("/chat", [], { origin: "https://evil.example" }));
  say("good origin", await ask("/chat", [], { origin: goodOrigin }));
  say("token", await ask("/private", [], { headers: { Authorization: `Bearer ${token}` } }));
  say("room", await ask("/rooms/blue", ["chat.v9", subprotocol]));
  say("late", await ask("/late"));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
