// Bundles the page: build.js OUT writes one HTML file with its style and its script inside, and a place for the data.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const esbuild = require('esbuild');

const here = (name) => path.join(__dirname, name);
const result = esbuild.buildSync({
  entryPoints: [here('src/main.js')],
  bundle: true,
  minify: true,
  charset: 'utf8',
  format: 'iife',
  target: 'es2020',
  outdir: 'out',
  write: false,
  legalComments: 'inline',
});
const output = (suffix) => result.outputFiles.find((file) => file.path.endsWith(suffix)).text;
const script = output('.js').replaceAll('</script', '<\\/script');

const page = fs
  .readFileSync(here('src/page.html'), 'utf8')
  .replace('/*STYLE*/', () => output('.css'))
  .replace('/*SCRIPT*/', () => script);
fs.writeFileSync(process.argv[2], page);
