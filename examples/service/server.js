// A service that turns uploads into WebP avatars. The upload here is always the same, and damaged: so every request fails,
// which is where sharp 0.33.5 forgets memory.
//
//   node server.js [leaky|fixed]    sharp 0.33.5 or 0.34.0; listens on port 3000 (PORT)

const path = require('node:path');
const express = require('express');

const example = path.join(__dirname, '..', 'sharp-webp');
const sharp = require(path.join(example, process.argv[2] ?? 'leaky', 'node_modules', 'sharp'));
const upload = require(path.join(example, 'corrupt-tiff'))();

const app = express();

app.get('/avatar', async function avatar(request, response) {
  try {
    const image = await sharp(upload, { pages: -1, failOn: 'error' }).webp({ effort: 0 }).toBuffer();
    response.type('webp').send(image);
  } catch {
    response.sendStatus(415);
  }
});

const server = app.listen(process.env.PORT ?? 3000, () => console.log('listening'));
process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
});
