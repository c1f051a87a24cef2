// @resvg/resvg-js: Rust on N-API.

import { Resvg, renderAsync } from '@resvg/resvg-js';
import { digest, print } from '../common.mjs';

const shapes = Array.from({ length: 60 }, (_, i) => `<circle cx="${i * 5}" cy="${(i * i) % 200}" r="${i}" fill="hsl(${i * 6},50%,50%)" opacity=".5"/>`);
const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200">${shapes.join('')}</svg>`;
const options = { font: { loadSystemFonts: false } };
const image = new Resvg(svg, options).render();
print(image.width, digest(image.pixels), digest(image.asPng()));
print((await Promise.all([1, 2, 3, 4].map(() => renderAsync(svg, options)))).map((one) => digest(one.pixels)));
