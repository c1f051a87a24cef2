// Whose work: each way in which node lets an addon have something done elsewhere, and an addon that looks node up by dlsym.

const { test } = require('node:test');
const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { build, library, node, proving, record, report, residue, root } = require('./lib/residue');

const script = path.join(root, 'tests', 'node', 'addon.js');
const lines = fs.readFileSync(script, 'utf8').split('\n');
const ROUNDS = proving ? 200 : 3;
const CALLERS = {
  10_001: ['asksForWork', 'execute', '[queued]'],
  10_002: ['begins', 'execute', '[queued]'],
  10_003: ['asksLibuv', 'uv_execute', '[queued]'],
  10_004: ['asksForACall', 'call_js', '[thread]', 'calls', '[queued]'],
  10_005: ['asksForAnotherCall', 'call_js', '[thread]', 'calls', '[queued]'],
  10_006: ['asksForAThread', 'allocates', '[thread]'],
};
const KINDS = {
  10_001: 'async-work',
  10_003: 'uv-work',
  10_004: 'threadsafe-function',
  10_006: 'thread',
};

for (const major of proving ? [18, 20, 22, 24, 26] : [18, 24])
  for (const name of ['origins', 'origins-dlsym'])
    test(`node ${major}, ${name}: what is allocated elsewhere is under the JavaScript that asked for it`, (t) => {
      const addon = path.join(build, 'addons', `${name}.node`);
      const { status, stdout, stderr, trace } = record(t, [node(major), script, addon, String(ROUNDS)]);
      assert.deepStrictEqual({ status, stdout, stderr }, { status: 0, stdout: 'true\n', stderr: '' });
      const stacks = residue('flame', '--metric', 'outstanding', trace).split('\n');
      for (const [bytes, [caller, worker, ...between]] of Object.entries(CALLERS)) {
        const found = stacks.filter((line) => line.endsWith(`;${worker};allocate ${bytes}`));
        assert.strictEqual(found.length, 1, `${bytes}: ${found.length} stacks`);
        const line = lines.findIndex((line) => line.includes(`function ${caller}()`)) + 1;
        const frames = found[0].split(';');
        const at = frames.indexOf(`${caller} ${script}:${line}`);
        assert.ok(at > 0, `${bytes} is not under ${caller}: ${found[0]}`);
        const seen = frames.slice(at).filter((frame) => between.includes(frame));
        assert.deepStrictEqual(seen, between);
      }
      const { recorder, sites } = report(trace);
      assert.strictEqual(recorder.anomalies, 0);
      for (const [bytes, kind] of Object.entries(KINDS)) {
        const { origin } = sites.find(({ sizes }) => sizes.some((size) => size.bytes === Number(bytes)));
        assert.strictEqual(origin.kind, kind);
        assert.ok(origin.stack.some((frame) => frame.function === CALLERS[bytes][0]), `${bytes}: origin.stack has the caller`);
      }
    });

test('a table that is patched is writable afterwards only where it was before', (t) => {
  const addon = path.join(build, 'addons', 'origins-dlsym.node');
  const script = `
    require(process.argv[1]);
    const bytes = {};
    for (const line of require('node:fs').readFileSync('/proc/self/maps', 'utf8').split('\\n')) {
      const [, from, to, rights, file] = /^(\\w+)-(\\w+) (\\S+) .* (\\/.*)$/.exec(line) ?? [];
      if (file !== process.argv[1] && file !== process.execPath) continue;
      bytes[file + ' ' + rights] = (bytes[file + ' ' + rights] ?? 0) + parseInt(to, 16) - parseInt(from, 16);
    }
    console.log(JSON.stringify(bytes));`;
  const argv = [node(20), '-e', script, addon];
  const plain = execFileSync(argv[0], argv.slice(1), { encoding: 'utf8' });
  assert.ok(Object.keys(JSON.parse(plain)).some((key) => key.startsWith(addon)), plain);
  assert.deepStrictEqual(JSON.parse(record(t, argv).stdout), JSON.parse(plain));
});

// dlsym finds out by its return address who calls: the way there is a jump.
test('the dlsym that addons and node get ends in a jump to the real one', () => {
  const code = execFileSync('objdump', ['-d', '--no-show-raw-insn', library], { encoding: 'utf8', maxBuffer: 1 << 28 });
  for (const name of ['addon_dlsym', 'node_dlsym']) {
    const [, body] = new RegExp(`<${name}>:\\n([^]*?)\\n\\n`).exec(code);
    assert.match(body, /jmp .*(<dlsym@plt>|<dlsym@|# .*dlsym)/, body);
  }
});
