// The package `ws` of Node.js: an echo server of compressed messages, by its defaults. Says its port, and answers
// each line of its input with what it has used, as the contestants in Rust do.
'use strict';

const readline = require('readline');
const { WebSocketServer } = require('ws');

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: true });
server.on('connection', (socket) => {
  socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }));
});
server.on('listening', () => console.log(`port=${server.address().port}`));

const lines = readline.createInterface({ input: process.stdin });
lines.on('line', () => {
  const { user, system } = process.cpuUsage(); // Of all threads, in microseconds.
  const [rss, peak] = [process.memoryUsage.rss() / 1024, process.resourceUsage().maxRSS];
  const memory = `rss_kib=${Math.round(rss)} peak_kib=${peak}`;
  console.log(`usage=1 cpu_ns=${(user + system) * 1000} ${memory} late_us=0`);
});
lines.on('close', () => process.exit(0));
