// As origins.js, with @napi-rs/canvas: two functions encode on the pool at the same time.
'use strict';
const { createCanvas } = require('@napi-rs/canvas');

const rounds = Number(process.argv[2] || 20);

function drawn(width, height) {
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  context.fillStyle = '#852';
  context.fillRect(width / 8, height / 8, width / 2, height / 2);
  return canvas;
}

async function makesDiagrams() {
  for (let i = 0; i < rounds; i++) await drawn(700, 700).encode('png');
}

async function makesPreviews() {
  for (let i = 0; i < rounds; i++) await drawn(100, 120).encode('webp', 80);
}

Promise.all([makesDiagrams(), makesPreviews()]).then(() => console.log('done'));
