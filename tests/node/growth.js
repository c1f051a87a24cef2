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

function readPixels(version) {
  const folder = path.join(__dirname, '..', '..', 'examples', 'canvas-tobuffer', version, 'node_modules', 'canvas');
  const canvas = require(folder).createCanvas(16, 16);
  every(10, () => {
    for (let i = 0; i < 20; i++) canvas.toBuffer('raw');
  });
}

const kinds = {
  // About 1 MB a minute.
  'leak-slow': () => every(100, () => keep(vary(1750))),
  'leak-fast': () => every(20, () => keep(vary(100_000))),
  // An encoder is forgotten on libuv's pool each time that a save fails; and the version that frees it.
  'leak-pool': () => failingSaves('leaky'),
  'fixed-pool': () => failingSaves('fixed'),
  // Each synchronous toBuffer('raw') forgets 352 bytes in two blocks; and the version that frees them.
  'leak-canvas': () => readPixels('leaky'),
  'fixed-canvas': () => readPixels('fixed'),
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
    const began = Date.now(); // by the clock: a busy machine shall not keep it from being full
    every(10, () => {
      const due = Math.min(room, (3 * room * (Date.now() - began)) / (seconds * 1000));
      while (held.length < due) held.push(fill());
      for (let i = 0; i < 4 && held.length === room; i++)
        if (random() < room / 40_000) held[Math.floor(random() * room)] = fill();
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
  // Of other shapes than those above, on which nothing was tuned.
  //
  // Distinct keys of a cache without a bound: it grows ever more slowly, to 20 MB.
  'cache-slowing': () => {
    const cache = new Map();
    every(10, () => {
      for (let i = 0; i < 12; i++) {
        const key = Math.floor(random() * seconds * 300);
        if (!cache.has(key)) cache.set(key, Buffer.allocUnsafeSlow(2200).fill(1));
      }
    });
    held.push(cache);
  },
  // Five times 4 MB in the first half, and no more.
  'cache-steps': () => {
    let steps = 0;
    const timer = every(seconds * 100, () => {
      held.push(...Array.from({ length: 400 }, () => Buffer.allocUnsafeSlow(vary(10_000)).fill(1)));
      if (++steps === 5) clearInterval(timer);
    });
  },
  // Nothing, then from six tenths of the time on 200 KB a second.
  'leak-late': () => void setTimeout(() => every(20, () => keep(vary(4000))), seconds * 600),
  // 1.5 MB every two seconds.
  'leak-rare': () => every(2000, () => {
    for (let i = 0; i < 100; i++) keep(vary(15_000));
  }),
  // 150 KB a second, under the teeth of a collector that comes every three seconds to 40 MB.
  'leak-under-saw': () => {
    every(10, () => Buffer.allocUnsafeSlow(vary(130_000)).fill(1));
    every(20, () => keep(vary(3000)));
    every(3000, () => globalThis.gc());
  },
  // One of 200 KB a second, and a second of half as much.
  'leak-twice': () => {
    const second = function keepAsWell(size) {
      held.push(Buffer.allocUnsafeSlow(size).fill(1));
    };
    every(20, () => keep(vary(4000)));
    every(50, () => second(vary(5000)));
  },
  // 60 MB a second of one line; one block of two hundred is never dropped.
  'leak-in-line': () => {
    const answer = function answerRequest(size) {
      return Buffer.allocUnsafeSlow(size).fill(1);
    };
    let count = 0;
    every(10, () => {
      for (let i = 0; i < 20; i++) {
        const buffer = answer(vary(30_000));
        if (++count % 200 === 0) held.push(buffer);
      }
    });
  },
  // Each second ten sessions more, and each of all makes its 5 KB anew every two seconds.
  'leak-anew': () => {
    const save = function saveSession(size) {
      return Buffer.allocUnsafeSlow(size).fill(1);
    };
    let at = 0;
    every(100, () => held.push(save(5000)));
    every(20, () => {
      for (let i = at++ % 100; i < held.length; i += 100) held[i] = save(5000);
    });
    every(500, () => globalThis.gc());
  },
  // A cache fills in the first half, and beside it 100 KB a second leak.
  'leak-beside-cache': () => {
    const room = 50 * seconds;
    every(10, () => {
      if (held.length < room) held.push(Buffer.allocUnsafeSlow(vary(20_000)).fill(1));
    });
    every(20, () => keep(vary(2000)));
  },
  // Every 2.5 seconds 200 requests, each of which holds 100 KB for a second.
  'bursts': () => {
    const burst = () => {
      const requests = Array.from({ length: 200 }, () => Buffer.allocUnsafeSlow(vary(100_000)).fill(1));
      setTimeout(() => {
        requests.length = 0;
        globalThis.gc();
      }, 1000);
    };
    burst();
    every(2500, burst);
  },
  // Load that comes and goes: 0 to 30 MB and back, one and a half times.
  'wave': () => {
    let at = 0;
    every(20, () => {
      at += 0.02 / seconds;
      const wanted = Math.round(600 * (1 - Math.cos(at * 3 * Math.PI)) / 2);
      while (held.length < wanted) held.push(Buffer.allocUnsafeSlow(vary(50_000)).fill(1));
      held.length = wanted;
    });
    every(1000, () => globalThis.gc());
  },
  // Nothing grows; when the recording ends, 10 MB of requests are just being answered.
  'young': () => {
    every(20, () => Buffer.allocUnsafeSlow(vary(5000)).fill(1));
    every(1000, () => globalThis.gc());
    setTimeout(() => {
      for (let i = 0; i < 1000; i++) held.push(Buffer.allocUnsafeSlow(vary(10_000)).fill(1));
    }, seconds * 1000 - 100);
  },
  'quiet': () => every(20, () => JSON.parse(JSON.stringify({ a: [1, 2, 3], b: 'text' }))),
};

kinds[kind]();
setTimeout(() => {
  truth.memory = process.memoryUsage();
  console.log(JSON.stringify(truth));
  process.exit(0);
}, seconds * 1000);
