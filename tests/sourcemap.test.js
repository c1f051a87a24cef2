// --source-maps: JavaScript is shown as it was before it was bundled and minified.

const { test } = require('node:test');
const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { command, node, record, residue, root, scratch } = require('./lib/residue');

const esbuild = require(path.join(root, 'analyzer', 'web', 'node_modules', 'esbuild'));
const SOURCES = {
  'src/main.js': `
    import { Resizer, crop } from './avatar.js';
    const resizer = new Resizer();
    const rotate = (bytes) => {
      return hold(20003, bytes);
    };
    async function upload() {
      await null;
      hold(20004);
    }
    for (let i = 0; i < 40; i++) {
      resizer.resizeAvatar(i);
      crop(i);
      rotate(i);
      upload();
    }
    function hold(bytes) {
      (globalThis.kept ??= []).push(Buffer.alloc(bytes));
    }`,
  'src/avatar.js': `
    const kept = [];
    export class Resizer {
      resizeAvatar() {
        kept.push(Buffer.alloc(20001));
      }
    }
    export function crop(bytes) {
      kept.push(Buffer.alloc(20002)); // ünïcödé before the call 🎨
      return bytes;
    }`,
};
const PLACES = [
  [20001, 'resizeAvatar', 'src/avatar.js', 'Buffer.alloc(20001)'],
  [20002, 'crop', 'src/avatar.js', 'Buffer.alloc(20002)'],
  [20003, 'rotate', 'src/main.js', 'hold(20003'],
  [20004, 'upload', 'src/main.js', 'hold(20004'],
];

function project(t) {
  const folder = fs.realpathSync(scratch(t));
  fs.mkdirSync(path.join(folder, 'src'));
  for (const [name, text] of Object.entries(SOURCES)) fs.writeFileSync(path.join(folder, name), text);
  return folder;
}

// The function that allocated blocks of a size, as the flame graph has it: the innermost of the application but `hold`.
function shown(trace, size, ...options) {
  const line = residue('flame', '--metric', 'outstanding', ...options, trace)
    .split('\n')
    .filter((line) => line.includes(';node::NodeArrayBufferAllocator::Allocate '))
    .find((line) => Number(line.slice(line.lastIndexOf(' '))) % size === 0);
  assert.ok(line, `no stack for blocks of ${size}`);
  return line.split(';').findLast((frame) => / (file:\/)?\/.*:\d+$/.test(frame) && !/^hold /.test(frame));
}

function expectSources(trace, folder) {
  for (const [size, name, source, text] of PLACES) {
    const line = SOURCES[source].split('\n').findIndex((line) => line.includes(text)) + 1;
    assert.strictEqual(shown(trace, size, '--source-maps'), `${name} ${path.join(folder, source)}:${line}`);
  }
}

const BUILDS = {
  'minified, its map beside it': { minify: true, sourcemap: 'linked' },
  'minified, its map in it': { minify: true, sourcemap: 'inline' },
  'an ES module, not minified, its map beside it': { format: 'esm', outfile: 'dist/app.mjs', sourcemap: 'linked' },
};
for (const [name, options] of Object.entries(BUILDS))
  test(`a bundle of esbuild's, ${name}: functions, files and lines are those of the sources, stored ones too`, (t) => {
    const folder = project(t);
    const outfile = path.join(folder, options.outfile ?? 'dist/app.js');
    esbuild.buildSync({
      entryPoints: [path.join(folder, 'src/main.js')], bundle: true, platform: 'node', format: 'cjs', logLevel: 'silent', ...options, outfile,
    });
    const { status, trace } = record(t, [node(24), outfile]);
    assert.strictEqual(status, 0);
    assert.ok(shown(trace, 20001).includes('dist/app.'), shown(trace, 20001));
    expectSources(trace, folder);
    residue('symbolize', trace);
    fs.rmSync(folder, { recursive: true });
    expectSources(trace, folder);
  });

test('diff, merge and flame of several traces show the sources of each', (t) => {
  const folder = project(t);
  const outfile = path.join(folder, 'dist/app.js');
  const [a, b] = [false, true].map((minify) => {
    esbuild.buildSync({ entryPoints: [path.join(folder, 'src/main.js')], bundle: true, platform: 'node', outfile, minify, sourcemap: 'linked', logLevel: 'silent' });
    const { trace } = record(t, [node(24), outfile]);
    residue('symbolize', trace);
    return trace;
  });
  fs.rmSync(folder, { recursive: true });
  const functions = (side) => (side.stack ?? []).map((frame) => frame.function);
  for (const command of ['diff', 'merge']) {
    const { sites } = JSON.parse(residue(command, '--json', '--top', '0', '--metric', 'outstanding', '--source-maps', a, b));
    for (const [, name] of PLACES)
      assert.ok(sites.some((site) => functions(site.a).includes(name) && functions(site.b).includes(name)), `${command}: ${name}`);
  }
  for (const options of [[], ['--diff']]) {
    const lines = residue('flame', '--metric', 'outstanding', '--source-maps', ...options, a, b).split('\n');
    assert.ok(lines.some((line) => /;resizeAvatar [^;]*src\/avatar\.js/.test(line)), options.join());
    assert.ok(!lines.some((line) => line.includes('dist/app.js')), 'nothing of the bundle is left');
  }
});

const complaint = (trace) => spawnSync(command, ['flame', '--metric', 'outstanding', '--source-maps', trace], { encoding: 'utf8', maxBuffer: 1 << 30 }).stderr;

test('a map that is damaged, garbage, not there, or not named: names as V8 has them, and what is wrong is said once', (t) => {
  const folder = project(t);
  const outfile = path.join(folder, 'dist/app.js');
  esbuild.buildSync({ entryPoints: [path.join(folder, 'src/main.js')], bundle: true, platform: 'node', outfile, sourcemap: 'linked', logLevel: 'silent' });
  const { trace } = record(t, [node(24), outfile]);
  const plain = shown(trace, 20002);
  fs.writeFileSync(`${outfile}.map`, '{"version": 3, "mappings": "AAAA;;!!!", "sources": 7}');
  assert.strictEqual(shown(trace, 20002, '--source-maps'), plain);
  fs.writeFileSync(`${outfile}.map`, 'garbage');
  assert.strictEqual(shown(trace, 20002, '--source-maps'), plain);
  assert.match(complaint(trace), /^residue: .*app\.js: its source map is none: .*\n$/);
  fs.rmSync(`${outfile}.map`);
  assert.match(complaint(trace), /^residue: .*app\.js: its source map cannot be read: .*app\.js\.map\n$/);
  fs.writeFileSync(outfile, fs.readFileSync(outfile, 'utf8').replace(/\/\/# source.*/, ''));
  assert.strictEqual(shown(trace, 20002, '--source-maps'), plain);
});
