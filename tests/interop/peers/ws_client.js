// A WebSocket client of another make: `ws_client.js URL WHO`, where WHO ends the connection.
//
// Sends text, binary, a ping and a mebibyte in fragments to an echo server and compares what comes
// back; a text may come back as binary. Prints the code the connection ended with.
"use strict";
const assert = require("node:assert");
const { randomBytes } = require("node:crypto");
const { once } = require("node:events");
const WebSocket = require("ws");

const FRAGMENT = 64 * 1024;

async function answer(peer, send) {
  const answered = once(peer, "message");
  send();
  return (await answered)[0];
}

async function exchange(peer) {
  for (const message of ["h\u00e9llo", Buffer.alloc(100, 7), Buffer.alloc(0), randomBytes(70000)]) {
    const echo = await answer(peer, () => peer.send(message));
    assert.deepStrictEqual(echo, Buffer.from(message));
  }
  const pong = once(peer, "pong");
  peer.ping("are you there");
  assert.strictEqual((await pong)[0].toString(), "are you there");

  const large = randomBytes(1 << 20);
  const echo = await answer(peer, () => {
    for (let at = 0; at < large.length; at += FRAGMENT) {
      peer.send(large.subarray(at, at + FRAGMENT), { fin: at + FRAGMENT >= large.length });
    }
  });
  assert.ok(echo.equals(large));
}

async function main(url, who) {
  const peer = new WebSocket(url, { perMessageDeflate: false });
  await once(peer, "open");
  await exchange(peer);
  const closed = once(peer, "close");
  if (who === "client") peer.close(1000);
  else peer.send("close");
  console.log("closed", (await closed)[0]);
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
