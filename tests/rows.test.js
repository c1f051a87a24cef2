// The ledger, row by row, against what a program knows of itself and what the kernel says.
// Runs alone: it measures memory.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { node, program, report, residue, root, start } = require('./lib/residue');

const SHARE = 0.05;
const near = (what, told, truth, slack = 0) =>
  assert.ok(Math.abs(told - truth) <= SHARE * truth + slack, `${what}: the ledger has ${told} bytes, in truth ${truth}`);

// What the kernel says of files, and of what is the recorder's own.
function kernel(pid) {
  const sum = { files: 0, tracer: 0, stack: 0, rss: 0 };
  let before = '';
  for (const part of fs.readFileSync(`/proc/${pid}/smaps`, 'utf8').split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/)) {
    const [, shared, name] = /^\S+ ...(.) \S+ \S+ \S+ *(.*)/.exec(part);
    const bytes = Number(/^Rss: +(\d+)/m.exec(part)[1]) * 1024;
    sum.rss += bytes;
    const owner = name || (/^\w+-\w+ rw-p/.test(part) && /libresidue\.so$/.test(before) ? before : ''); // its .bss
    before = name;
    if (/^VmFlags:.* dd/m.test(part) && !name) sum.tracer += bytes;
    else if (/\.live$|libresidue\.so$/.test(owner)) sum.tracer += bytes;
    else if (name.startsWith('[stack')) sum.stack += bytes;
    else if (name.startsWith('/') && shared === 'p') sum.files += bytes;
  }
  return sum;
}

async function ledgerAtMark(run) {
  const truth = JSON.parse(await run.line());
  residue('mark', run.trace(), 'here');
  const said = kernel(run.child.pid);
  const { ledgers } = report(run.trace(), '--to', 'here');
  return { truth, said, now: ledgers.end };
}

function addsUp(now) {
  const keys = ['native', 'overhead', 'retained', 'before', 'v8', 'v8_code', 'wasm', 'mapped', 'files', 'stacks', 'shared', 'tracer', 'other'];
  assert.strictEqual(keys.reduce((sum, key) => sum + now[key], 0), now.rss_bytes);
  assert.ok(now.other <= 0.02 * now.rss_bytes, `${now.other} of ${now.rss_bytes} bytes are not attributed`);
}

test('each row is within 5 % of what the program made; malloc_trim gives back what the report says', async (t) => {
  const run = start(t, [program('rows')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const { truth, said, now } = await ledgerAtMark(run);
  addsUp(now);
  for (const key of ['native', 'overhead', 'retained', 'mapped', 'shared']) near(key, now[key], truth[key]);
  near('stacks', now.stacks, truth.stacks + said.stack, 64 << 10);
  near('files', now.files, said.files, 256 << 10); // and what lies behind them without a file, .bss
  near('tracer', now.tracer, said.tracer, 256 << 10);
  near('RSS', now.rss_bytes, said.rss);
  run.child.stdin.write('trim\n');
  near('what malloc_trim gives back', now.retained_whole_pages, Number(await run.line()), 128 << 10);
});

for (const major of [20, 24])
  test(`V8's rows are within 5 % of V8's own account: node ${major}`, async (t) => {
    const { truth, said, now } = await ledgerAtMark(start(t, [node(major), path.join(root, 'tests', 'node', 'rows.js')]));
    addsUp(now);
    near("V8's heap", now.v8, truth.v8, 1 << 20);
    near('WebAssembly and resizable', now.wasm, truth.wasm);
    near('young objects', now.v8_young, truth.v8_young, 1 << 20);
    near('files', now.files, said.files);
  });
