// Two functions call the same addon at the same time; what it allocates on the pool belongs to the one that asked.
'use strict';
const sharp = require('sharp');

const rounds = Number(process.argv[2] || 20);
const pixels = (size) => ({ create: { width: size, height: size, channels: 3, background: '#123456' } });

async function makesThumbnails() {
  for (let i = 0; i < rounds; i++) await sharp(pixels(300)).resize(90).png().toBuffer();
}

async function makesBanners() {
  for (let i = 0; i < rounds; i++) await sharp(pixels(500)).resize(400, 100).jpeg().toBuffer();
}

Promise.all([makesThumbnails(), makesBanners()]).then(() => console.log('done'));
