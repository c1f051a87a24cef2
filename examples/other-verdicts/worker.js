// What climbs and is no leak: a cache that fills, memory that malloc keeps, V8's own heap.
//
//   node --expose-gc worker.js cache|retention|js-heap [SECONDS]    12 seconds unless told otherwise

const [kind, seconds = '12'] = process.argv.slice(2);
const held = [];
const every = (ms, step) => setInterval(step, ms);
const answer = (size) => Buffer.allocUnsafeSlow(size).fill(1);

const kinds = {
  // The last 1,200 answers are kept: it is full after a third of the time.
  cache() {
    const ROOM = 1200;
    every(2000, gc);
    every(10, () => {
      for (let i = 0; i < 4; i++) {
        if (held.length < ROOM) held.push(answer(30_000));
        else if (Math.random() < 0.03) held[Math.floor(Math.random() * ROOM)] = answer(30_000);
      }
    });
  },
  // One burst of small answers, of which every 64th stays: what is free between them cannot go back to the kernel.
  retention() {
    const burst = Array.from({ length: 40_000 }, () => answer(3000));
    held.push(...burst.filter((_, i) => i % 64 === 0));
    burst.length = 0;
    every(200, gc);
  },
  'js-heap'() {
    every(10, () => {
      for (let i = 0; i < 400; i++) held.push({ i, text: `entry ${i}, ${Math.random()}`, list: [i, {}] });
    });
  },
};

kinds[kind]();
setTimeout(() => process.exit(), 1000 * Number(seconds));
