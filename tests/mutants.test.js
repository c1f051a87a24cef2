// The table of hazards in preload/README.md, the list of mutants, and the sources that these change.

const { test } = require('node:test');
const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { root } = require('./lib/residue');

test('each protection of the table can be taken out of the sources as they are', () => {
  const { status, stdout } = spawnSync(path.join(root, 'scripts', 'mutate'), ['--check'], { encoding: 'utf8' });
  assert.strictEqual(stdout, '');
  assert.strictEqual(status, 0);
});
