// sharp: resize a picture and write it as WebP.
const sharp = require('sharp');
const rounds = Number(process.argv[2] ?? 60);
const picture = sharp({ create: { width: 1600, height: 1200, channels: 3, background: '#4080c0',
  noise: { type: 'gaussian', mean: 128, sigma: 40 } } }).png().toBuffer();
(async () => {
  const input = await picture;
  for (let i = 0; i < rounds; i += 4)
    await Promise.all([0, 1, 2, 3].map((n) => sharp(input).resize(200 + n).webp({ effort: 0 }).toBuffer()));
})();
