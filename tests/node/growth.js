// Workers of known truth, for tests/verdict.test.js.
//
//     node growth.js KIND SECONDS SEED      prints what it knows to be true of its memory as JSON, and ends
//
// The sizes and the pace vary a little with the seed.

const path = require('node:path');

const [kind, seconds, seed] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4] ?? 1)];
const held = [];
let state = seed * 2654435761 + 1;
const random = () => (state = (state * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
const vary = (number) => Math.round(number * (0.8 + 0.4 * random()));
const truth = { kind, held_bytes: 0 };

const keep = function keepForGood(size) {
  held.push(Buffer.allocUnsafeSlow(size).fill(1));
  truth.held_bytes += size;
};
const every = (ms, step) => setInterval(step, ms);

function failingSaves(version) {
  const folder = path.join(__dirname, '..', '..', 'examples', 'sharp-webp');
  const sharp = require(path.join(folder, version, 'node_modules', 'sharp'));
  const bad = require(path.join(folder, 'corrupt-tiff'))();
  every(150, () => sharp(bad, { pages: -1, failOn: 'error' }).webp({ effort: 0 }).toBuffer().catch(() => {}));
}

const kinds = {
  // About 1 MB a minute.
  'leak-slow': () => every(100, () => keep(vary(1750))),
  'leak-fast': () => every(20, () => keep(vary(100_000))),
  // An encoder is forgotten on libuv's pool each time that a save fails; and the version that frees it.
  'leak-pool': () => failingSaves('leaky'),
  'fixed-pool': () => failingSaves('fixed'),
  // One block of a hundred is kept.
  'leak-in-churn': () => every(5, () => {
    for (let i = 0; i < 100; i++) {
      const size = vary(4000);
      if (i === 50) keep(size);
      else Buffer.allocUnsafeSlow(size).fill(1);
    }
  }),
  // 60 MB a second come and go, 1 MB a minute stays.
  'leak-in-heavy-churn': () => {
    every(10, () => {
      for (let i = 0; i < 20; i++) Buffer.allocUnsafeSlow(vary(30_000)).fill(1);
    });
    every(100, () => keep(vary(1750)));
  },
  // Full after a third of the time; then a hundredth of it is replaced each second. Collected as often as in a busy server.
  'cache': () => {
    const room = 100 * seconds;
    const fill = () => Buffer.allocUnsafeSlow(vary(30_000)).fill(1);
    every(2000, () => globalThis.gc());
    every(10, () => {
      for (let i = 0; i < 4; i++)
        if (held.length < room) held.push(fill());
        else if (random() < room / 40_000) held[Math.floor(random() * room)] = fill();
    });
  },
  'sawtooth': () => every(10, () => Buffer.allocUnsafeSlow(vary(400_000)).fill(1)),
  // Many small blocks, of which every 64th stays: what is freed between them cannot be given back to the kernel.
  'fragmentation': () => {
    const round = () => {
      const many = [];
      for (let i = 0; i < 40_000; i++) many.push(Buffer.allocUnsafeSlow(vary(3000)).fill(1));
      if (held.length < 1000) held.push(...many.filter((_, i) => i % 64 === 0));
    };
    round();
    globalThis.gc();
    every(200, () => globalThis.gc());
  },
  'wasm': () => {
    for (let i = 0; i < 4; i++) held.push(new WebAssembly.Memory({ initial: 1, maximum: 65536 }));
    every(50, () => JSON.parse('[1, 2, 3]'));
  },
  'js-heap': () => every(10, () => {
    for (let i = 0; i < 400; i++) held.push({ i, text: `entry ${i} of ${random()}`, list: [i, i + 1, i + 2, {}] });
  }),
  'quiet': () => every(20, () => JSON.parse(JSON.stringify({ a: [1, 2, 3], b: 'text' }))),
};

kinds[kind]();
setTimeout(() => {
  truth.memory = process.memoryUsage();
  console.log(JSON.stringify(truth));
  process.exit(0);
}, seconds * 1000);
