// sharp: every operation in every output format, and inputs that are broken.
'use strict';
const path = require('path');
const sharp = require(path.resolve(process.env.RSD_TEST_MODULES || 'tests/node_modules', 'sharp'));
const rounds = Number(process.argv[2] || 1);
const operations = {
  plain: (s) => s,
  resize: (s) => s.resize(120, 90),
  lanczos: (s) => s.resize(333, 77, { kernel: 'lanczos3', fit: 'fill' }),
  attention: (s) => s.resize(64, 64, { position: 'attention' }),
  rotate: (s) => s.rotate(33, { background: '#123' }),
  flip: (s) => s.flip().flop(),
  affine: (s) => s.affine([[1, 0.3], [0.1, 0.7]], { interpolator: 'nohalo' }),
  sharpen: (s) => s.sharpen({ sigma: 2 }),
  median: (s) => s.median(5),
  blur: (s) => s.blur(3),
  clahe: (s) => s.clahe({ width: 10, height: 10 }),
  convolve: (s) => s.convolve({ width: 3, height: 3, kernel: [-1, 0, 1, -2, 0, 2, -1, 0, 1] }),
  threshold: (s) => s.threshold(99),
  normalise: (s) => s.normalise().gamma(),
  modulate: (s) => s.modulate({ brightness: 1.2, hue: 90 }).tint('#f40'),
  grey: (s) => s.greyscale().negate(),
  trim: (s) => s.trim(),
  extend: (s) => s.extend({ top: 9, left: 9, extendWith: 'mirror' }),
  composite: (s) => s.composite([{ input: Buffer.from('<svg width="60" height="60"><text x="5" y="40">abc</text></svg>'), blend: 'multiply' }]),
};
const formats = {
  jpeg: (s) => s.jpeg({ mozjpeg: true }),
  png: (s) => s.png({ palette: true }),
  webp: (s) => s.webp({ effort: 2 }),
  avif: (s) => s.avif({ effort: 0 }),
  gif: (s) => s.gif(),
  tiff: (s) => s.tiff({ compression: 'deflate', pyramid: true }),
  raw: (s) => s.raw(),
};

async function sources() {
  const noise = sharp({ create: { width: 160, height: 120, channels: 3, noise: { type: 'gaussian', mean: 128, sigma: 40 } } });
  const svg = Buffer.from('<svg width="160" height="120"><rect width="99" height="88" fill="#c42"/><circle cx="80" cy="60" r="40" fill="#28e"/></svg>');
  return [await noise.jpeg().toBuffer(), await sharp(svg).png().toBuffer(), await sharp(svg).webp().toBuffer(), svg];
}

const broken = (buffer) => {
  const copy = Buffer.from(buffer);
  for (let i = copy.length >> 1; i < copy.length; i += 7) copy[i] ^= 0x5a;
  return copy;
};

(async () => {
  let done = 0, failed = 0;
  const run = async (input, operation, format) => {
    try {
      await format(operation(sharp(input))).toBuffer();
      await sharp(input, { failOn: 'error' }).metadata();
      done++;
    } catch (error) {
      failed++;
    }
  };
  const good = await sources();
  for (let round = 0; round < rounds; round++) {
    const jobs = [];
    for (const operation of Object.values(operations))
      for (const format of Object.values(formats)) {
        const input = good[(jobs.length + round) % good.length];
        jobs.push([input, operation, format]);
        if (jobs.length % 3 === 0) jobs.push([broken(input), operation, format]);
        if (jobs.length % 11 === 0) jobs.push([input.subarray(0, input.length >> 1), operation, format]);
      }
    await Promise.all([0, 1, 2, 3].map(async () => { for (let job; (job = jobs.pop()); ) await run(...job); }));
  }
  console.log('wide', rounds, done, failed);
})();
