// Promises, generators, timers, streams, exceptions: stacks that start in the event loop.
'use strict';
const { Readable, Transform, pipeline } = require('stream');
const rounds = Number(process.argv[2] || 2000);
let n = 0;
async function* numbers(count) { for (let i = 0; i < count; i++) { n += Buffer.alloc(50 + i).length; yield i; } }
async function deep(k) { if (!k) { n += new ArrayBuffer(300).byteLength; throw new Error('bottom'); } await null; return deep(k - 1); }
(async () => {
  for (let i = 0; i < rounds; i++) {
    for await (const value of numbers(5)) n += value;
    await deep(8).catch((error) => { n += error.stack.length & 1; });
    if (i % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    if (i % 20 === 0)
      await new Promise((resolve) => pipeline(Readable.from(['a', 'b', 'c']),
        new Transform({ transform(chunk, encoding, done) { done(null, Buffer.concat([chunk, Buffer.alloc(2000)])); } }), async function (source) { for await (const chunk of source) n += chunk.length; }, resolve));
    [5, 3, 1].sort((a, b) => (n += Buffer.alloc(70).length, a - b));
  }
  console.log('async', rounds, n > 0);
})();
