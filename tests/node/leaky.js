// Makes Buffers for so many seconds and keeps one in thirty of them: `leaked BYTES`.
const SIZE = 10007;
const held = [];
let made = 0;
const work = setInterval(() => {
  for (let i = 0; i < 300; i++) {
    const buffer = Buffer.alloc(SIZE, i);
    if (made++ % 30 === 0) held.push(buffer);
  }
}, 10);
setTimeout(() => {
  clearInterval(work);
  console.log(held.length * SIZE);
}, Number(process.argv[2]) * 1000);
