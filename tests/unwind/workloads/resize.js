// sharp: one image resized to WebP again and again.
'use strict';
const path = require('path');
const sharp = require(path.resolve(process.env.RSD_TEST_MODULES || 'tests/node_modules', 'sharp'));
const rounds = Number(process.argv[2] || 20);
(async () => {
  const input = await sharp({ create: { width: 640, height: 480, channels: 3, background: '#e87' } })
    .composite([{ input: Buffer.from('<svg width="200" height="200"><circle cx="99" cy="99" r="90" fill="#28e"/></svg>') }])
    .jpeg()
    .toBuffer();
  let bytes = 0;
  for (let i = 0; i < rounds; i++) bytes += (await sharp(input).resize(200 + i, 150).webp().toBuffer()).length;
  console.log('resize', rounds, bytes);
})();
