// A server that never forgets: each answer stays in a cache whose keys never repeat. No library is to blame here; the
// bytes are Buffers, outside of V8's heap, held by a Map inside of it.
//
//   node worker.js [REQUESTS] [PAUSE]    1,000 unless told otherwise, which the worker makes itself, and no pause (in
//                                        milliseconds) before each

const http = require('node:http');
const { setTimeout: sleep } = require('node:timers/promises');

const ANSWER_BYTES = 65537;
const cache = new Map();

function render(id) {
  return Buffer.alloc(ANSWER_BYTES, `answer ${id} `);
}

function answerFor(id) {
  if (!cache.has(id)) cache.set(id, render(id));
  return cache.get(id);
}

// The mistake: the key holds the time, so that the same page is never found again.
function handle(request, response) {
  response.end(answerFor(`${request.url}?at=${process.hrtime.bigint()}`));
}

function get(agent, port, path) {
  return new Promise((resolve, reject) => {
    http
      .get({ agent, port, path }, (response) => response.resume().on('end', resolve))
      .on('error', reject);
  });
}

async function main() {
  const requests = Number(process.argv[2] ?? 1000);
  const pause = Number(process.argv[3] ?? 0);
  const server = http.createServer(handle);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  for (let i = 0; i < requests; i++) {
    if (pause) await sleep(pause);
    await get(agent, server.address().port, `/page${i % 10}`);
  }
  agent.destroy();
  server.close();
  console.log(`${requests} requests, ${cache.size} answers kept`);
}

main();
