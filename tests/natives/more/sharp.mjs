// sharp: C++ on N-API, libvips, libuv's pool and threads of libvips's own.

import sharp from 'sharp';
import { digest, print } from '../common.mjs';

const create = { width: 320, height: 200, channels: 3, background: '#2277aa' };
const circle = Buffer.from('<svg width="100" height="100"><circle cx="50" cy="50" r="40" fill="#fa0"/></svg>');
const scene = await sharp({ create }).composite([{ input: circle, left: 30, top: 40 }]).png().toBuffer();
const sizes = [40, 80, 120, 160].map((width) => sharp(scene).resize(width).blur(1).raw().toBuffer());
print((await Promise.all(sizes)).map(digest));
for (const format of ['jpeg', 'webp', 'avif']) {
  const { format: found, width } = await sharp(await sharp(scene)[format]().toBuffer()).metadata();
  print(format, found, width);
}
print(await sharp(Buffer.from('no picture')).metadata().catch((error) => error.message));
