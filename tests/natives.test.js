// Must show 4, beside strangers.test.js: node with npm packages that have native code. Each program in tests/natives makes
// one of them work; it prints and returns the same with us as without, and what is recorded names the package's addon.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { alone } = require('./lib/alone');
const { node, proving, report, root, scratch, traces, variables } = require('./lib/residue');

const FOLDERS = proving ? ['few', 'more'] : ['few'];
const MAJORS = proving ? [20, 24] : [24];

const NO_ADDON = ['esbuild']; // its work is done in another program

// Built for the V8 of one version of node: so says node, or the package's own loader.
const OTHER_NODE = /NODE_MODULE_VERSION|No native build was found/;

const programs = FOLDERS.flatMap((folder) => {
  const inside = path.join(root, 'tests', 'natives', folder);
  return fs.readdirSync(inside).filter((name) => name.endsWith('.mjs')).sort().map((name) => path.join(inside, name));
});

function whole(trace) {
  const { recorder, sites } = report(trace, '--at', 'end');
  const { dropped, anomalies, lost_segments, problems } = recorder;
  assert.deepStrictEqual({ dropped, anomalies, lost_segments, problems }, { dropped: 0, anomalies: 0, lost_segments: 0, problems: 0 }, trace);
  return sites;
}

for (const program of programs) {
  const name = path.basename(program, '.mjs');
  for (const major of MAJORS) {
    test(`${name}, node ${major}: same output, same exit status, and its addon is on record`, (t) => {
      const argv = [node(major), program];
      const plain = alone(argv).end;
      if (major === 24 && plain.status !== 0 && OTHER_NODE.test(plain.stderr)) return t.skip('it is built for node 20');
      assert.strictEqual(plain.status, 0, plain.stderr);
      assert.notStrictEqual(plain.stdout, '');
      const folder = scratch(t);
      const { pid, end } = alone(argv, variables(folder));
      assert.deepStrictEqual(end, plain);
      const own = path.join(folder, `residue.${pid}`);
      for (const trace of traces(folder)) if (trace !== own) whole(trace);
      const addons = new Set(whole(own).flatMap(({ stack }) => stack.map(({ module }) => module)).filter((module) => /\.node$/.test(module)));
      t.diagnostic(`on record: ${[...addons].join(' ')}`);
      assert.strictEqual(addons.size > 0, !NO_ADDON.includes(name));
    });
  }
}
