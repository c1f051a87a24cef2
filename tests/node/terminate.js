// Terminates worker threads while work of sharp's is queued and running on the pool. Prints how many have ended.
//
//   node terminate.js WORKERS

const { Worker, isMainThread } = require('node:worker_threads');
const sharp = require('sharp');

const noise = () => sharp({ create: { width: 300, height: 300, channels: 3, background: '#884422' } }).resize(120).png({ effort: 9 }).toBuffer();

if (isMainThread) {
  const many = Number(process.argv[2]);
  let ended = 0;
  const next = (i) => {
    if (i >= many) return;
    const worker = new Worker(__filename);
    worker.on('exit', () => {
      if (++ended === many) console.log(`${ended} workers have ended`);
      next(i + 4);
    });
    worker.on('message', () => setTimeout(() => worker.terminate(), (i * 7) % 40));
  };
  for (let i = 0; i < 4; i++) next(i);
  noise().then(() => {});
} else {
  require('node:worker_threads').parentPort.postMessage('ready');
  const again = () => noise().then(again);
  for (let i = 0; i < 8; i++) again();
}
