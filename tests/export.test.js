// What other tools make of an export: Go's pprof adds up to the report's totals, and speedscope's schema accepts its JSON.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const Ajv = require('ajv');
const { command, record, report, residue, root } = require('./lib/residue');

const worker = path.join(root, 'examples', 'sharp-webp', 'worker.js');

function pprof(...args) {
  const run = spawnSync('go', ['tool', 'pprof', ...args], { encoding: 'utf8', maxBuffer: 1 << 28 });
  assert.strictEqual(run.status, 0, run.stderr);
  return run.stdout;
}

test('an export is what the report says', async (t) => {
  const { folder, trace } = record(t, [process.execPath, worker, '40', 'leaky']);
  const { sites } = report(trace);
  const sum = (key) => sites.reduce((total, site) => total + site[key], 0);

  await t.test('go tool pprof: totals, names, JavaScript', () => {
    const file = path.join(folder, 'profile.pb');
    residue('export', '--format', 'pprof', '-o', file, trace);
    const raw = pprof('-raw', file);
    const samples = raw.slice(raw.indexOf('\nSamples:'), raw.indexOf('\nLocations'));
    assert.match(samples, /inuse_objects\/count inuse_space\/bytes(\[dflt\])? alloc_objects\/count alloc_space\/bytes/);
    const totals = [0, 0, 0, 0];
    for (const [, values] of samples.matchAll(/^ *((?:\d+ +){3}\d+): /gm))
      values.trim().split(/ +/).forEach((value, i) => (totals[i] += Number(value)));
    assert.deepStrictEqual(totals, ['outstanding_blocks', 'outstanding_bytes', 'allocated_calls', 'allocated_bytes'].map(sum));
    const top = pprof('-top', '-cum', '-sample_index=inuse_space', '-nodecount=60', file);
    assert.match(top, /vips::VImage::webpsave_buffer/);
    assert.match(raw, /M=\d+ toBuffer|toBuffer .*output\.js/);
    assert.match(raw, /Mappings\n[^]*libvips-cpp\.so/);
  });

  await t.test('speedscope: its schema, and the total', () => {
    const schema = JSON.parse(fs.readFileSync(require.resolve('speedscope/dist/release/file-format-schema.json')));
    const profile = JSON.parse(residue('export', '--format', 'speedscope', '--metric', 'outstanding', trace));
    const validate = new Ajv({ strict: false }).compile(schema);
    assert.ok(validate(profile), JSON.stringify(validate.errors));
    const [{ weights, endValue, samples }] = profile.profiles;
    assert.strictEqual(weights.reduce((a, b) => a + b, 0), sum('outstanding_bytes'));
    assert.strictEqual(endValue, sum('outstanding_bytes'));
    const name = (index) => profile.shared.frames[index].name;
    assert.ok(samples.some((stack) => stack.map(name).includes('vips::VImage::webpsave_buffer')));
  });

  await t.test('folded and json are what flame and report write', () => {
    assert.strictEqual(residue('export', '--format', 'folded', trace), residue('flame', trace));
    assert.strictEqual(residue('export', '--format', 'json', trace), residue('report', '--json', '--top', '0', trace));
  });

  await t.test('a flame graph in text keeps to 100 columns', () => {
    const lines = residue('flame', '--text', trace).trimEnd().split('\n');
    assert.ok(lines.length > 3);
    for (const line of lines) assert.ok(line.length <= 100, `wider than 100 columns: ${line}`);
    assert.ok(lines.join('').includes('webpsave_buffer'));
  });

  await t.test('an issue names versions and stack, and no path of this machine', () => {
    const text = residue('issue', trace);
    assert.match(text, /^# Native memory that is held in `vips::VImage::webpsave_buffer` \(@img\/sharp-libvips-linux-x64@1\.0\.4\)/);
    assert.match(text, /\* sharp-linux-x64@|\* @img\/sharp-linux-x64@0\.33\.5/);
    assert.ok(text.includes(`node ${process.version}`));
    assert.ok(!text.includes(root), 'a path of this machine');
  });
});

test('export says what is wrong', () => {
  const { status, stderr } = spawnSync(command, ['export', '--format', 'xml', '/nowhere'], { encoding: 'utf8' });
  assert.strictEqual(status, 2);
  assert.match(stderr, /pprof, speedscope, folded or json, not xml/);
});
