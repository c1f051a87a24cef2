// Four workers hash, compress and copy; the parent prints one sum of all their answers and ends with status 4.

const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { createHash } = require('node:crypto');
const zlib = require('node:zlib');

function work(seed) {
  const hash = createHash('sha256');
  for (let i = 0; i < 200; i++) {
    const data = Buffer.alloc(1000 + ((seed * 7919 + i * 104729) % 90000), i % 251);
    hash.update(zlib.inflateSync(zlib.deflateSync(data)));
    hash.update(structuredClone(new Uint8Array(data)));
  }
  return hash.digest('hex');
}

async function main() {
  const answers = [1, 2, 3, 4].map(
    (seed) =>
      new Promise((resolve, reject) => {
        new Worker(__filename, { workerData: seed }).on('message', resolve).on('error', reject);
      }),
  );
  console.log((await Promise.all(answers)).join('\n'));
  console.error('to stderr');
  process.exitCode = answers.length;
}

if (isMainThread) main();
else parentPort.postMessage(work(workerData));
