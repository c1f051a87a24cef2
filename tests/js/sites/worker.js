'use strict';
// Runs in a worker_thread: see cjs.js for the notation.
const { parentPort, workerData } = require('worker_threads');

class InWorker {
  run() {
    return Buffer.allocUnsafeSlow(20401); //@ 20401 run
  }
}

const worker = new InWorker();
const arrow = () => Buffer.allocUnsafeSlow(20403); //@ 20403 arrow

for (let i = 0; i < workerData; i++) {
  worker.run();
  arrow();
}
if (parentPort)
  parentPort.postMessage('done');
