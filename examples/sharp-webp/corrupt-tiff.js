// A TIFF of six pages, 256 x 256 RGB, whose fourth page cannot be decoded. With it, an animated WebP save fails after
// the encoder was made, which is when libvips 8.15.3 forgets to free it.
//
//   node corrupt-tiff.js FILE    writes it to FILE

const fs = require('node:fs');
const zlib = require('node:zlib');

const SIDE = 256;
const PAGES = 6;
const CORRUPT_PAGE = 4;

const SHORT = 3;
const LONG = 4;
const ENTRY_BYTES = 12;

// Something to encode: gradients that differ from page to page.
function pixels(page) {
  const rgb = Buffer.alloc(SIDE * SIDE * 3);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) rgb.set([y, y, page * 40], (y * SIDE + x) * 3);
  }
  return rgb;
}

function strip(page) {
  const deflated = zlib.deflateSync(pixels(page));
  return page === CORRUPT_PAGE ? deflated.fill(0xff) : deflated;
}

// One image file directory; `at` is where it will lie and where its strip's bytes follow.
function directory(at, data, last) {
  const entries = [
    [256, SHORT, SIDE], // width
    [257, SHORT, SIDE], // height
    [258, SHORT, 8], // bits per sample, all the same
    [259, SHORT, 8], // compression: deflate
    [262, SHORT, 2], // RGB
    [273, LONG, 0], // where the strip is: filled in below
    [277, SHORT, 3], // samples per pixel
    [278, SHORT, SIDE], // rows per strip: all
    [279, LONG, data.length], // bytes of the strip
  ];
  const size = 2 + entries.length * ENTRY_BYTES + 4;
  const end = at + size + data.length;
  const out = Buffer.alloc(size);
  out.writeUInt16LE(entries.length, 0);
  entries.forEach(([tag, type, value], i) => {
    const offset = 2 + i * ENTRY_BYTES;
    out.writeUInt16LE(tag, offset);
    out.writeUInt16LE(type, offset + 2);
    out.writeUInt32LE(1, offset + 4);
    out.writeUInt32LE(tag === 273 ? at + size : value, offset + 8);
  });
  out.writeUInt32LE(last ? 0 : end, size - 4);
  return Buffer.concat([out, data]);
}

function corruptTiff() {
  const parts = [Buffer.from([0x49, 0x49, 42, 0, 8, 0, 0, 0])];
  let at = 8;
  for (let page = 1; page <= PAGES; page++) {
    const part = directory(at, strip(page), page === PAGES);
    parts.push(part);
    at += part.length;
  }
  return Buffer.concat(parts);
}

module.exports = corruptTiff;

if (require.main === module) {
  if (process.argv.length !== 3) {
    console.error('usage: node corrupt-tiff.js FILE');
    process.exit(2);
  }
  fs.writeFileSync(process.argv[2], corruptTiff());
}
