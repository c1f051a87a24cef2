// gzip, sha256 and files, synchronous and on the thread pool.
'use strict';
const zlib = require('zlib'), crypto = require('crypto'), fs = require('fs'), os = require('os'), path = require('path');
const { promisify } = require('util');
const rounds = Number(process.argv[2] || 150);
(async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mix-'));
  const text = Buffer.from(JSON.stringify(Array.from({ length: 400 }, (_, i) => ({ id: i, name: 'item ' + i, tags: ['a', 'b'] }))));
  let bytes = 0;
  for (let i = 0; i < rounds; i++) {
    const packed = i & 1 ? zlib.gzipSync(text) : await promisify(zlib.gzip)(text);
    const digest = crypto.createHash('sha256').update(packed).digest('hex');
    const file = path.join(folder, digest.slice(0, 8));
    await fs.promises.writeFile(file, packed);
    const back = await promisify(zlib.gunzip)(fs.readFileSync(file));
    bytes += JSON.parse(back.toString()).length + crypto.pbkdf2Sync('x', digest, 10, 32, 'sha512').length;
    fs.unlinkSync(file);
  }
  fs.rmdirSync(folder);
  console.log('mix', rounds, bytes);
})();
