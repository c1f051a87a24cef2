// @napi-rs/canvas: skia, and Rust around it.
'use strict';
const path = require('path');
const { createCanvas } = require(path.resolve(process.env.RSD_TEST_MODULES || 'tests/node_modules', '@napi-rs/canvas'));
const rounds = Number(process.argv[2] || 60);
(async () => {
  let bytes = 0;
  for (let i = 0; i < rounds; i++) {
    const canvas = createCanvas(200, 120), context = canvas.getContext('2d');
    const gradient = context.createLinearGradient(0, 0, 200, 120);
    gradient.addColorStop(0, 'red');
    gradient.addColorStop(1, 'blue');
    context.fillStyle = gradient;
    context.fillRect(0, 0, 200, 120);
    context.font = '20px sans-serif';
    context.strokeText('frame ' + i, 10, 50);
    context.beginPath();
    for (let k = 0; k < 30; k++) context.bezierCurveTo(k * 3, i, 99, k * 4, 150 - k, 100);
    context.stroke();
    bytes += (i & 1 ? canvas.toBuffer('image/png') : await canvas.encode('jpeg', 80)).length;
  }
  console.log('canvas', rounds, bytes);
})();
