// gzip, sha256 and file reads.
const zlib = require('node:zlib'), crypto = require('node:crypto'), fs = require('node:fs/promises');
const rounds = Number(process.argv[2] ?? 150);
const text = Buffer.from('the quick brown fox jumps over the lazy dog '.repeat(4000));
const gzip = (b) => new Promise((resolve, reject) => zlib.gzip(b, (e, r) => (e ? reject(e) : resolve(r))));
(async () => {
  for (let i = 0; i < rounds; i++) {
    const packed = await Promise.all([gzip(text), gzip(text.subarray(1000)), fs.readFile(__filename)]);
    for (const p of packed)
      for (let n = 0; n < 20; n++)
        crypto.createHash('sha256').update(p).update(String(n)).digest('hex');
  }
})();
