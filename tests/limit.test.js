// A leak says when it reaches the limit of its cgroup, or the one that the user names.
// Runs alone: it judges curves.

const { test } = require('node:test');
const assert = require('node:assert');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { library, node, record, residue, root, scratch } = require('./lib/residue');
const { makeGroup } = require('./lib/cgroup');

const worker = path.join(root, 'tests', 'node', 'growth.js');
const SECONDS = 8;

test('the limit of the cgroup stands in the report, with the time to it', (t) => {
  const group = makeGroup(t, 3 * 2 ** 30);
  if (!group) return t.skip('no memory cgroup can be made here');
  const trace = path.join(scratch(t), 'trace');
  const script = `echo $$ > "$0/cgroup.procs" && exec env LD_PRELOAD=${library} RESIDUE_OUT=${trace} "$@"`;
  const argv = ['-c', script, group, node(20), worker, 'leak-fast', String(SECONDS)];
  assert.strictEqual(spawnSync('sh', argv, { stdio: 'ignore' }).status, 0);
  assert.match(residue('report', '--top', '1', trace), /limit {9}3\.0 GiB \(the cgroup's\): reached in \d+ (min|h)/);
});

test('a limit that the user names goes before it', (t) => {
  const { trace } = record(t, [node(20), worker, 'leak-fast', String(SECONDS)]);
  assert.match(residue('report', '--top', '1', '--limit', '1GiB', trace), /limit {9}1\.0 GiB: reached in \d+/);
  assert.match(residue('report', '--top', '1', '--limit', '1MiB', trace), /limit {9}1\.0 MiB: reached\n/);
});
