// Workers that each show one pattern that a hint knows, for tests/hints.test.js.
//
//     node hints.js KIND SECONDS [ADDON]

const [kind, seconds, addon] = [process.argv[2], Number(process.argv[3]), process.argv[4]];
const held = [];
const every = (ms, step) => setInterval(step, ms);

const kinds = {
  // Compression streams that nobody ends.
  'zlib': () => every(20, () => {
    const stream = require('node:zlib').createGzip();
    stream.write('text');
    held.push(stream);
  }),
  // One small Buffer of a hundred is kept, and with it the pool that it was cut from.
  'pool': () => every(5, () => {
    for (let i = 0; i < 100; i++) {
      const slice = Buffer.allocUnsafe(100);
      if (i === 0) held.push(slice);
    }
  }),
  // An addon that forgets its references to JavaScript objects.
  'references': () => {
    const { refer } = require(addon);
    every(10, () => {
      for (let i = 0; i < 40; i++) refer({ i });
    });
  },
  // Watchers with a listener that nobody closes.
  'watchers': () => every(10, () => held.push(require('node:fs').watch(__dirname, () => {}))),
  // libvips remembers each operation that was done.
  'vips-cache': () => {
    const sharp = require('sharp');
    sharp.cache({ memory: 500, items: 100000, files: 0 });
    const input = Buffer.alloc(64 * 64 * 3, 120);
    let size = 0;
    const round = async () => {
      await sharp(input, { raw: { width: 64, height: 64, channels: 3 } }).resize(20 + (size++ % 4000)).blur(1 + size / 1000).raw().toBuffer();
      setImmediate(round);
    };
    round();
  },
  // Each request leaves a Buffer.
  'requests': () => {
    const http = require('node:http');
    const server = http.createServer((request, response) => {
      held.push(Buffer.alloc(5000));
      response.end('ok');
    });
    server.listen(0, () => {
      const agent = new http.Agent({ keepAlive: true });
      const ask = () => http.get({ port: server.address().port, agent }, (answer) => answer.resume().on('end', () => setTimeout(ask, 5)));
      ask();
    });
  },
};

kinds[kind]();
setTimeout(() => process.exit(0), seconds * 1000);
