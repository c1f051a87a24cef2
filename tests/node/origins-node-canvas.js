// As origins.js, with node-canvas: toBuffer with a callback encodes on the pool.
//
//   node origins-node-canvas.js CANVAS ROUNDS
'use strict';
const { createCanvas } = require(process.argv[2]);
const rounds = Number(process.argv[3]);

function drawn(width, height) {
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  for (let i = 0; i < 50; i++) {
    context.fillStyle = `rgb(${i}, ${255 - i}, ${3 * i})`;
    context.fillRect(3 * i, 2 * i, 50, 50);
  }
  return canvas;
}

function makesDiagrams(left, done) {
  const next = () => (left > 1 ? makesDiagrams(left - 1, done) : done());
  drawn(300, 200).toBuffer(next, 'image/png');
}

function makesPreviews(left, done) {
  const next = () => (left > 1 ? makesPreviews(left - 1, done) : done());
  drawn(500, 400).toBuffer(next, 'image/jpeg');
}

let ended = 0;
const end = () => ++ended === 2 && console.log('done');
makesDiagrams(rounds, end);
makesPreviews(rounds, end);
