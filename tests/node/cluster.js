// A cluster of two workers that answer a request each; or, under pm2, one such worker. Every worker keeps a Buffer of
// 60,001 bytes that says that it was there.

const cluster = require('node:cluster');
const http = require('node:http');

function work() {
  globalThis.kept = Buffer.allocUnsafeSlow(60001);
  const server = http.createServer((request, response) => response.end(`${globalThis.kept.length}`));
  server.listen(0, '127.0.0.1', () => process.send?.({ port: server.address().port }));
  process.on('message', (message) => message === 'end' && process.exit(0));
}

// The workers share the port and take turns: none may end before both have answered.
async function ask(workers, port) {
  for (let i = 0; i < 2; i++) {
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
    console.log(await response.text());
  }
  for (const worker of workers) worker.send('end');
}

if (cluster.isPrimary && !process.env.pm_id) {
  const workers = [cluster.fork(), cluster.fork()];
  let listening = 0;
  for (const worker of workers) {
    worker.on('message', ({ port }) => port && ++listening === 2 && ask(workers, port));
    worker.on('exit', (status) => console.log('worker', status));
  }
  process.exitCode = 5;
} else {
  work();
}
