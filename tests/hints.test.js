// Each hint on a worker that shows its pattern: it is told, and says what was seen.
// Runs alone: it judges curves.

const { test } = require('node:test');
const assert = require('node:assert');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { node, proving, report, residue, root, scratch, start } = require('./lib/residue');

const SECONDS = proving ? 12 : 7;
const worker = path.join(root, 'tests', 'node', 'hints.js');

const PATTERNS = {
  'zlib': /seen: deflateInit2_ on the stack; a compression stream is kept/,
  'pool': /seen: createPool on the stack; pools of small Buffers are kept/,
  'references': /seen: napi_create_reference on the stack; references of an addon .* napi_delete_reference missing/,
  'watchers': /seen: node::\(anonymous namespace\)::FSEventWrap::New on the stack; watchers .* with their listeners, are kept/,
  'vips-cache': /seen: vips_cache_operation_build\w* on the stack; libvips may remember .* sharp\.cache/,
  'requests': /seen: (each|[\d,]+) of [\d,]+ calls in the window left a block behind, each while an HTTP request was answered/,
};

// An addon in C; there is nothing in it that node's headers would have to say.
function build(t) {
  const addon = path.join(scratch(t), 'references.node');
  const run = spawnSync('cc', ['-shared', '-fPIC', '-o', addon, path.join(root, 'tests', 'node', 'references.c')], { encoding: 'utf8' });
  assert.strictEqual(run.status, 0, run.stderr);
  return addon;
}

test('hints name the pattern that a worker shows', { concurrency: 6 }, (t) => {
  const addon = build(t);
  return Promise.all(
    Object.entries(PATTERNS).map(([kind, hint]) =>
      t.test(kind, async (u) => {
        const run = start(u, [node(20), worker, kind, String(SECONDS), addon]);
        assert.strictEqual((await run.ended).status, 0);
        const first = report(run.trace()).sites.slice(0, 10).flatMap((site) => site.hints);
        assert.ok(first.some((text) => hint.test(text)), first.join('\n') || 'no hint');
        assert.match(residue('report', '--width', '400', run.trace()), hint);
      }),
    ),
  );
});

test('blocks that become as many more at each mark are said to grow in step with the work', async (t) => {
  const run = start(t, [node(20), path.join(root, 'tests', 'node', 'rounds.js')]);
  await run.line();
  residue('mark', run.trace(), 'warm');
  for (let i = 1; i <= 4; i++) {
    run.child.kill('SIGUSR2');
    await run.line();
    residue('mark', run.trace(), `round${i}`);
  }
  run.child.kill('SIGKILL');
  await run.ended;
  const { sites, verdict } = report(run.trace(), '--from', 'warm');
  const kept = sites.find(({ sizes }) => sizes.some(({ bytes }) => bytes === 10007));
  assert.ok(kept.hints.includes('seen: 100 blocks more at each of 4 marks: in step with the work that is done between them.'));
  assert.ok(kept.hints.includes('seen: 400 blocks, each of 10,007 B: one kind of object, made and not freed.'));
  assert.strictEqual(verdict.units, 4);
});
