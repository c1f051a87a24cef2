// Must show 4: programs of Debian that know nothing of us print and return the same with us as without, and so do all the
// programs that they run in turn. (For packages of npm see natives.test.js.)

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { alone } = require('./lib/alone');
const { library, proving, scratch } = require('./lib/residue');
const { PROGRAMS } = require('./lib/strangers');

const installed = (name) =>
  /ok installed/.test(spawnSync('dpkg-query', ['-W', '-f', '${Status}', name], { encoding: 'utf8' }).stdout);

for (const [name, debian, script, quick] of PROGRAMS) {
  if (!proving && !quick) continue;
  const skip = installed(debian) ? false : `the package ${debian} is not installed`;
  test(`${name}: same output, same exit status`, { skip }, (t) => {
    const folder = scratch(t);
    fs.chmodSync(folder, 0o777);
    const argv = ['/bin/sh', '-c', script];
    const plain = alone(argv).end;
    assert.strictEqual(plain.status, 0, plain.stderr);
    assert.notStrictEqual(plain.stdout, '');
    const recorded = alone(argv, { LD_PRELOAD: library, RESIDUE_OUT: path.join(folder, 'residue.%e.%p') }).end;
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
