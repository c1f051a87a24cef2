// Saves a corrupt TIFF as an animated WebP, again and again; every save fails. sharp 0.33.5 (libvips 8.15.3) then
// forgets the WebP encoder: three blocks of 262,268 bytes per failed save. sharp 0.34.0 frees it.
//
//   node worker.js [SAVES] [leaky|fixed] [PAUSE]    40 saves with the leaky version, and no pause (in milliseconds) before
//                                                   each, unless told otherwise

const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const corruptTiff = require('./corrupt-tiff');

const saves = Number(process.argv[2] ?? 40);
const version = process.argv[3] ?? 'leaky';
const pause = Number(process.argv[4] ?? 0);
const sharp = require(path.join(__dirname, version, 'node_modules', 'sharp'));

async function main() {
  const bad = corruptTiff();
  let failed = 0;
  for (let i = 0; i < saves; i++) {
    await sleep(pause);
    try {
      await sharp(bad, { pages: -1, failOn: 'error' }).webp({ effort: 0 }).toBuffer();
    } catch {
      failed++;
    }
  }
  console.log(`sharp ${sharp.versions.sharp}: ${failed} of ${saves} saves failed`);
}

main();
