// An Express server with some work per request. Prints its port; on SIGTERM it closes, and prints the largest delay of
// its event loop since SIGUSR2, in milliseconds.

const { createHash } = require('node:crypto');
const { monitorEventLoopDelay } = require('node:perf_hooks');
const express = require('express');

const delay = monitorEventLoopDelay({ resolution: 1 });
const app = express();

app.get('/', (request, response) => {
  const body = Buffer.alloc(20000, 'residue');
  const digest = createHash('sha256').update(body).digest('hex');
  response.json({ digest, words: body.toString().split('d').length });
});

const server = app.listen(0, () => console.log(server.address().port));

process.on('SIGUSR2', () => {
  delay.reset();
  delay.enable();
});
process.on('SIGTERM', () => {
  console.log(delay.max / 1e6);
  server.close();
  server.closeIdleConnections();
});
