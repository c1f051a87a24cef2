// Must show 4: programs of Debian that know nothing of us print and return the same with us as without, and so do all the
// programs that they run in turn.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { library, proving, scratch } = require('./lib/residue');
const { PROGRAMS } = require('./lib/strangers');

const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', HOME: '/nonexistent', TZ: 'UTC' };

const installed = (name) =>
  /ok installed/.test(spawnSync('dpkg-query', ['-W', '-f', '${Status}', name], { encoding: 'utf8' }).stdout);

// In a folder of the same name both times, for some programs print where they are.
function run(name, script, variables) {
  const folder = path.join(os.tmpdir(), `residue-stranger-${process.pid}`);
  fs.mkdirSync(folder);
  fs.chmodSync(folder, 0o755);
  try {
    const options = { cwd: folder, env: { ...ENVIRONMENT, ...variables }, encoding: 'latin1', timeout: 300_000, maxBuffer: 1 << 28 };
    const { status, signal, stdout, stderr } = spawnSync('/bin/sh', ['-c', script], options);
    return { status, signal, stdout, stderr };
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

for (const [name, debian, script, quick] of PROGRAMS) {
  if (!proving && !quick) continue;
  const skip = installed(debian) ? false : `the package ${debian} is not installed`;
  test(`${name}: same output, same exit status`, { skip }, (t) => {
    const folder = scratch(t);
    fs.chmodSync(folder, 0o777);
    const plain = run(name, script, {});
    assert.strictEqual(plain.status, 0, plain.stderr);
    assert.notStrictEqual(plain.stdout, '');
    const recorded = run(name, script, { LD_PRELOAD: library, RESIDUE_OUT: path.join(folder, 'residue.%e.%p') });
    const own = recorded.stderr.split('\n').filter((line) => line.startsWith('residue: '));
    assert.deepStrictEqual(
      { ...recorded, stderr: recorded.stderr.replace(/^residue: .*\n/gm, '') },
      plain,
    );
    const images = fs.readdirSync(folder).length;
    assert.ok(images > 0, 'it was recorded');
    t.diagnostic(`${name}: ${images} traces${own.length ? `; said: ${own[0].slice(0, 120)}` : ''}`);
  });
}
