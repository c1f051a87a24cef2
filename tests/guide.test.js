// examples/README.md: every command is run as it stands there, and says what the guide says.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { build, root, scratch } = require('./lib/residue');

const guide = fs.readFileSync(path.join(root, 'examples', 'README.md'), 'utf8');
const blocks = [...guide.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, commands]) => commands);

test('the guide leads from suspicion to proof', (t) => {
  const folder = scratch(t);
  const examples = path.join(folder, 'examples');
  fs.mkdirSync(examples);
  for (const name of ['service', 'sharp-webp'])
    fs.cpSync(path.join(root, 'examples', name), path.join(examples, name), { recursive: true });
  const port = String(20000 + (process.pid % 20000));
  const said = blocks.map((commands) => {
    const run = spawnSync('bash', ['-eu', '-c', commands.replaceAll('localhost:3000', `localhost:${port}`)], {
      cwd: path.join(examples, 'service'),
      encoding: 'utf8',
      env: { ...process.env, PORT: port, PATH: `${build}:${process.env.PATH}` },
      maxBuffer: 1 << 28,
    });
    assert.strictEqual(run.status, 0, `${commands}\n${run.stdout}\n${run.stderr}`);
    return run.stdout;
  });
  const [confirm, find, , prove] = said;
  t.diagnostic(/verdict[^]*?\n {2}RSS/.exec(confirm)[0]);
  assert.match(confirm, /verdict {7}LEAK of native memory/);
  assert.match(confirm, /\n#1 [^]*webpsave_buffer[^]*queued by[^]*\n +avatar {2}\S*\/server\.js:17\n[^]*\n#2 /);
  assert.match(find, /JAVASCRIPT BY GROWTH[^]*\n#1 .*\n +of +avatar \S*\/server\.js:17/);
  assert.match(find, /PACKAGES BY GROWTH[^]*\n#1 .*\n +of +@img\/sharp-libvips-linux-x64@1\.0\.4/);
  assert.ok(fs.statSync(path.join(examples, 'service', 'leaky.html')).size > 100_000);
  const issue = fs.readFileSync(path.join(examples, 'service', 'issue.md'), 'utf8');
  assert.match(issue, /^# Native memory leak in `vips::VImage::webpsave_buffer`/);
  assert.ok(!issue.includes(folder));
  assert.match(prove, /verdict {7}the leak of A is gone in B/);
  assert.match(prove, /residue check: ok: /);
});
