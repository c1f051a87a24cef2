// Keeps BLOCKS Buffers of SIZE bytes, drops as many others, and then ends in the way that its argument names.
//
//   node retain.js natural|sigterm|exit|throw|sigkill|synchronous

const SIZE = 100003;
const BLOCKS = 400;

const ending = process.argv[2];
globalThis.retained = new Map();

function retain(i) {
  Buffer.alloc(SIZE + 2);
  globalThis.retained.set(i, Buffer.alloc(SIZE));
}

// A few at a time, as a server would.
async function retainAll() {
  for (let i = 0; i < BLOCKS; i++) {
    retain(i);
    if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

function startWorker() {
  const { Worker } = require('node:worker_threads');
  const worker = new Worker('setInterval(() => Buffer.alloc(1000), 1)', { eval: true });
  return new Promise((resolve) => worker.once('online', resolve));
}

const endings = {
  async natural() {
    await retainAll();
  },
  async sigterm() {
    const server = require('node:http').createServer((request, response) => response.end());
    await new Promise((resolve) => server.listen(0, resolve));
    process.on('SIGTERM', () => server.close());
    await retainAll();
    console.log('ready');
  },
  async exit() {
    await Promise.all([startWorker(), startWorker()]);
    await retainAll();
    process.exit(3);
  },
  async throw() {
    await retainAll();
    setImmediate(() => {
      throw new Error('uncaught');
    });
  },
  async sigkill() {
    await retainAll();
    console.log('ready');
    setInterval(() => {}, 1000);
  },
  synchronous() {
    for (let i = 0; i < BLOCKS; i++) retain(i);
  },
};

endings[ending]();
