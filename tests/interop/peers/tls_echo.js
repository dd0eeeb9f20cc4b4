// TLS of another make over plain TCP: `tls_echo.js server VERSION CERTIFICATE KEY` or `tls_echo.js client VERSION CA PORT`.
//
// The server prints its port and sends back what it gets, and the client compares what comes back; VERSION is `TLSv1_2` or
// `TLSv1_3`. Both wait for the end of the peer's side, and print `closed`.
"use strict";
const assert = require("node:assert");
const { randomBytes } = require("node:crypto");
const { once } = require("node:events");
const { readFileSync } = require("node:fs");
const tls = require("node:tls");

const [role, version, ...rest] = process.argv.slice(2);
const minVersion = version.replace("_", ".");
const only = { minVersion, maxVersion: minVersion };

function serve(certificate, key) {
  const options = { ...only, cert: readFileSync(certificate), key: readFileSync(key) };
  const server = tls.createServer(options, (peer) => {
    peer.pipe(peer);
    peer.on("close", () => {
      console.log("closed");
      server.close();
    });
  });
  server.listen(0, "127.0.0.1", () => console.log("port", server.address().port));
}

async function talk(ca, port) {
  const peer = tls.connect({ ...only, host: "localhost", port: Number(port), ca: readFileSync(ca) });
  await once(peer, "secureConnect");
  for (const size of [1, 100, 16384, 100000]) {
    const message = randomBytes(size);
    peer.write(message);
    let echoed = Buffer.alloc(0);
    while (echoed.length < size) echoed = Buffer.concat([echoed, (await once(peer, "data"))[0]]);
    assert.ok(echoed.equals(message));
  }
  peer.end();
  await once(peer, "end");
  console.log("closed");
}

if (role === "server") serve(...rest);
else talk(...rest).catch((error) => {
  console.error(error);
  process.exit(1);
});
