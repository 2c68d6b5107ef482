// A subscriber and a publisher of the plain feed, on npm's `ws`.
//
//   ws_client.js subscribe URL COUNT   prints "open", each message, "close CODE"
//   ws_client.js publish URL           sends what standard input says, then closes
//
// A message is a line: "t" (text) or "b" (binary), a space, base64. After COUNT messages a
// subscriber closes; a server that closes first says so by its code.
'use strict';
const readline = require('readline');
const WebSocket = require('ws');

const [mode, url, count] = process.argv.slice(2);
const socket = new WebSocket(url, {maxPayload: 256 * 1024 * 1024});
let left = Number(count);

socket.on('unexpected-response', (request, response) => {
  process.stdout.write(`refused ${response.statusCode}\n`, () => process.exit(0));
});
socket.on('error', (error) => process.stdout.write(`error ${error.message}\n`));
socket.on('close', (code) => process.stdout.write(`close ${code}\n`));

socket.on('open', () => {
  process.stdout.write('open\n');
  if (mode !== 'publish') return;
  const lines = readline.createInterface({input: process.stdin});
  lines.on('line', (line) => {
    const bytes = Buffer.from(line.slice(2), 'base64');
    socket.send(line[0] === 't' ? bytes.toString('utf8') : bytes);
  });
  lines.on('close', () => socket.close(1000));
});

socket.on('message', (data, isBinary) => {
  if (left <= 0) return;
  process.stdout.write(`${isBinary ? 'b' : 't'} ${data.toString('base64')}\n`);
  left -= 1;
  if (left === 0) socket.close(1000);
});
