// What other tools make of an export: Go's pprof adds up to the report's totals, speedscope's schema accepts its JSON, and
// speedscope itself opens it, and the folded text; GitHub's Markdown leaves a flame graph in text as it is.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const Ajv = require('ajv');
const { chromium } = require('playwright-core');
const { command, record, report, residue, root } = require('./lib/residue');

const worker = path.join(root, 'examples', 'sharp-webp', 'worker.js');

function pprof(...args) {
  const run = spawnSync('go', ['tool', 'pprof', ...args], { encoding: 'utf8', maxBuffer: 1 << 28 });
  assert.strictEqual(run.status, 0, run.stderr);
  return run.stdout;
}

// Serves files of speedscope's release, and texts by their path.
async function serve(t, texts) {
  const release = path.dirname(require.resolve('speedscope/dist/release/file-format-schema.json'));
  const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    response.setHeader('content-type', types[path.extname(pathname)] ?? 'application/octet-stream');
    response.end(texts[pathname] ?? fs.readFileSync(path.join(release, path.basename(pathname))));
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}`;
}

// Open a profile in speedscope's page; what it then hands out by its own export button. It draws with WebGL: here on the
// processor.
async function throughSpeedscope(browser, url, file) {
  const page = await browser.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  await page.goto(`${url}/index.html#profileURL=${url}${file}&view=sandwich`);
  await page.getByText('libvips-cpp').first().waitFor({ timeout: 60_000 });
  const shown = await page.evaluate(() => document.body.innerText);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByText('Export').click()]);
  const exported = JSON.parse(fs.readFileSync(await download.path(), 'utf8'));
  await page.close();
  assert.deepStrictEqual(errors, []);
  return { shown, exported };
}

const browserPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(fs.existsSync);

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

  await t.test('speedscope opens its own format and folded stacks, with the same total', async (t) => {
    const url = await serve(t, {
      '/own.json': residue('export', '--format', 'speedscope', '--metric', 'outstanding', trace),
      '/folded.txt': residue('flame', '--metric', 'outstanding', trace),
    });
    const browser = await chromium.launch({
      executablePath: browserPath,
      args: ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--disable-background-networking'],
    });
    t.after(() => browser.close());
    for (const file of ['/own.json', '/folded.txt']) {
      const { shown, exported } = await throughSpeedscope(browser, url, file);
      assert.match(shown, /libvips-cpp\.so/);
      assert.ok(exported.shared.frames.some(({ name }) => name.startsWith('vips::VImage::webpsave_buffer')));
      const { startValue, endValue } = exported.profiles[0];
      assert.strictEqual(endValue - startValue, sum('outstanding_bytes'), file);
    }
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

  // The reading of flamegraph.pl: what stands before the last space is the stack, what follows is a number.
  await t.test('folded lines keep the rules of FlameGraph', () => {
    const stacks = residue('flame', trace).trimEnd().split('\n').map((line) => /^(.+) (\d+)$/.exec(line));
    assert.ok(stacks.every(Boolean), 'a line is a stack and a whole number');
    assert.ok(stacks.every(([, stack]) => stack.split(';').every((frame) => frame.trim())), 'no frame is empty');
    assert.strictEqual(new Set(stacks.map(([, stack]) => stack)).size, stacks.length, 'no stack stands there twice');
    const grown = sites.reduce((total, site) => total + Math.max(0, site.growth_bytes), 0);
    assert.strictEqual(stacks.reduce((total, [, , number]) => total + Number(number), 0), grown);
  });

  await t.test("an issue in GitHub's Markdown: the flame graph and the stack stand in code blocks as they are", () => {
    const issue = residue('issue', trace);
    const run = spawnSync('cmark-gfm', ['-e', 'table', '-e', 'autolink', '-t', 'xml'], { input: issue, encoding: 'utf8' });
    assert.strictEqual(run.status, 0, run.stderr ?? 'cmark-gfm is missing');
    const plain = (text) => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&');
    const blocks = [...run.stdout.matchAll(/<code_block[^>]*>([^]*?)<\/code_block>/g)].map(([, text]) => plain(text));
    assert.strictEqual(blocks.length, 3, 'stack, flame graph, how to reproduce');
    assert.ok(blocks.includes(residue('flame', '--text', trace)), 'it is what flame --text draws');
    for (const line of blocks[1].split('\n')) assert.ok(line.length <= 100);
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
