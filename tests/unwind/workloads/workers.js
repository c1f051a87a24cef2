// Worker threads that allocate, one after the other and side by side.
'use strict';
const { Worker, isMainThread, workerData, parentPort } = require('worker_threads');
if (!isMainThread) {
  const keep = [];
  for (let i = 0; i < 4000; i++) keep.push(Buffer.alloc(100 + (i % 900)), structuredClone({ a: [i, { b: 'c' }] }));
  parentPort.postMessage(keep.length + workerData);
} else {
  const rounds = Number(process.argv[2] || 4);
  const one = (n) => new Promise((resolve, reject) => {
    const worker = new Worker(__filename, { workerData: n });
    let answer;
    worker.on('message', (value) => (answer = value));
    worker.on('exit', () => resolve(answer));
    worker.on('error', reject);
  });
  (async () => {
    let sum = 0;
    for (let i = 0; i < rounds; i++) sum += (await Promise.all([one(i), one(i + 1), one(i + 2)])).reduce((a, b) => a + b);
    console.log('workers', rounds, sum);
  })();
}
