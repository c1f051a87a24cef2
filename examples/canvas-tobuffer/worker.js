// Reads the pixels of a canvas, again and again. canvas 3.1.0 leaks two small blocks, of 128 and of 224 bytes, with
// each synchronous toBuffer('raw') (node-canvas #2490); canvas 3.1.1 does not.
//
//   node worker.js [READS] [leaky|fixed] [PAUSE]    5,000 reads with the leaky version, and no pause (in milliseconds) after
//                                                   each hundred, unless told otherwise

const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

const reads = Number(process.argv[2] ?? 5000);
const version = process.argv[3] ?? 'leaky';
const pause = Number(process.argv[4] ?? 0);
const folder = path.join(__dirname, version, 'node_modules', 'canvas');
const { createCanvas } = require(folder);

const canvas = createCanvas(16, 16);
canvas.getContext('2d').fillRect(2, 2, 12, 12);

async function main() {
  let bytes = 0;
  for (let i = 0; i < reads; i++) {
    if (pause && i % 100 === 0) await sleep(pause);
    bytes += canvas.toBuffer('raw').length;
  }
  console.log(`canvas ${require(path.join(folder, 'package.json')).version}: ${reads} reads, ${bytes} bytes`);
}

main();
