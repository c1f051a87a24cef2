// A cluster: every worker prints its pid and keeps buffers, and worker 2 keeps others besides.
//
//   node workers.js WORKERS BLOCKS

const cluster = require('node:cluster');

const [workers, blocks] = process.argv.slice(2).map(Number);
const SIZE = 40_009;
const held = [];

function keep() {
  for (let i = 0; i < blocks; i++) held.push(Buffer.allocUnsafeSlow(SIZE));
}

function keepMore() {
  for (let i = 0; i < blocks; i++) held.push(Buffer.allocUnsafeSlow(SIZE + 2));
}

if (cluster.isPrimary) {
  for (let i = 0; i < workers; i++) cluster.fork();
} else {
  console.log(process.pid);
  keep();
  if (cluster.worker.id === 2) keepMore();
  cluster.worker.disconnect();
}
