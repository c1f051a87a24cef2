// @napi-rs/canvas: Rust on N-API, Skia.

import { createCanvas, loadImage } from '@napi-rs/canvas';
import { digest, print } from '../common.mjs';

const canvas = createCanvas(200, 100);
const context = canvas.getContext('2d');
for (let i = 0; i < 50; i++) {
  context.fillStyle = `hsl(${i * 7}, 80%, 50%)`;
  context.fillRect(i * 4, (i * i) % 80, 20, 20);
}
print(digest(canvas.toBuffer('image/png')));
const image = await loadImage(await canvas.encode('png'));
context.drawImage(image, 10, 10);
print(digest(context.getImageData(0, 0, 200, 100).data), image.width);
