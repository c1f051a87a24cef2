// @napi-rs/canvas: draw text and arcs, encode as PNG.
const { createCanvas } = require('@napi-rs/canvas');
const rounds = Number(process.argv[2] ?? 60);
(async () => {
  for (let i = 0; i < rounds; i++) {
    const canvas = createCanvas(400, 300), c = canvas.getContext('2d');
    for (let n = 0; n < 200; n++) {
      c.fillStyle = `hsl(${(n * 7) % 360} 80% 50%)`;
      c.beginPath();
      c.arc((n * 37) % 400, (n * 53) % 300, 10 + (n % 20), 0, 6.28);
      c.fill();
      c.fillText(`residue ${n}`, (n * 29) % 400, (n * 31) % 300);
    }
    await canvas.encode('png');
  }
})();
