// Retains 100 Buffers of 10,007 bytes for each SIGUSR2, and prints how often it has done so.

const held = [];
let rounds = 0;
process.on('SIGUSR2', () => {
  for (let i = 0; i < 100; i++) held.push(Buffer.allocUnsafeSlow(10007));
  console.log(++rounds);
});
setInterval(() => {}, 1000);
console.log('ready');
