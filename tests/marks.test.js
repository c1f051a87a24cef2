// `residue mark`: what is outstanding is exact at a mark, and windows begin and end there.
// Runs alone: it judges curves.

const { test } = require('node:test');
const assert = require('node:assert');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { command, library, node, report, residue, root, scratch, start } = require('./lib/residue');

const SIZE = 10007;
const worker = path.join(root, 'tests', 'node', 'rounds.js');
const run = (...args) => spawnSync(command, args, { encoding: 'utf8' });

for (const mode of ['survivors', 'full'])
  test(`${mode}: between two marks stands exactly what was retained between them`, async (t) => {
    const program = start(t, [node(20), worker], { options: { MODE: mode } });
    await program.line();
    const trace = program.trace();
    const mark = (name) => residue('mark', trace, name);
    mark('warm');
    for (const name of ['first', 'second', 'third']) {
      program.child.kill('SIGUSR2');
      await program.line();
      mark(name);
    }
    const running = report(trace, '--from', 'warm', '--to', 'second');
    program.child.kill('SIGKILL');
    await program.ended;

    const growth = (...window) =>
      report(trace, ...window)
        .sites.filter((site) => site.sizes.some(({ bytes }) => bytes === SIZE))
        .reduce((sum, site) => sum + site.growth_blocks, 0);
    assert.strictEqual(growth('--from', 'warm', '--to', 'first'), 100);
    assert.strictEqual(growth('--from', 'first', '--to', 'third'), 200);
    assert.strictEqual(growth('--from', 'third'), 0);
    assert.deepStrictEqual(running.marks.map(({ name }) => name), ['warm', 'first', 'second', 'third']);
    assert.strictEqual(running.window.from_s, running.marks[0].t_s);
    assert.strictEqual(running.window.to_s, running.marks[2].t_s);

    const check = (most) => run('check', '--max-growth', most, '--per', 'mark', '--from', 'warm', '--site', 'rounds', trace);
    assert.strictEqual(check('1100KiB').status, 0, check('1100KiB').stdout);
    assert.strictEqual(check('900KiB').status, 1);
    const nowhere = run('report', '--from', 'never', trace);
    assert.strictEqual(nowhere.status, 1);
    assert.match(nowhere.stderr, /has no mark of that name/);
  });

test('every command on a window takes --from, --to and --at', async (t) => {
  const program = start(t, [node(20), worker]);
  await program.line();
  const trace = program.trace();
  residue('mark', trace, 'warm');
  for (const name of ['first', 'second', 'third']) {
    program.child.kill('SIGUSR2');
    await program.line();
    residue('mark', trace, name);
  }
  program.child.kill('SIGKILL');
  await program.ended;

  const window = ['--from', 'first', '--to', 'third'];
  const issue = residue('issue', ...window, trace);
  assert.match(issue, /, 1\.9 MiB was allocated here in 200 calls; 2\.9 MiB in 300 blocks was never freed \(.*\), \+1\.9 MiB since that time began\.\n/);
  const rounds = (text) => text.split('\n').filter((line) => / 2001400$/.test(line)).length;
  assert.strictEqual(rounds(residue('flame', ...window, trace)), 1);
  assert.strictEqual(rounds(residue('export', '--format', 'folded', ...window, trace)), 1);
  assert.match(residue('html', '-o', '-', ...window, trace), /"why":"--from, up to --to"/);
  for (const command of ['diff', 'merge'])
    assert.match(residue(command, '--json', '--at', 'end', trace, trace), /up to the end of the trace/);
  for (const [command, ...rest] of [['issue', trace], ['flame', trace], ['html', trace], ['export', trace], ['diff', trace, trace], ['check', '--max-growth', '1MiB', trace]]) {
    const { status, stderr } = run(command, '--at', 'noon', ...rest);
    assert.deepStrictEqual({ status, stderr }, { status: 2, stderr: `residue ${command}: --at wants teardown, end or exit, not noon (see: residue help ${command})\n` });
  }
});

test('a pid is enough, wherever the trace is and whatever it is called', async (t) => {
  const trace = path.join(scratch(t), 'my trace');
  const program = start(t, [node(20), worker], { env: { LD_PRELOAD: library, RESIDUE_OUT: trace }, recorded: false });
  await program.line();
  residue('mark', String(program.child.pid), 'here');
  assert.deepStrictEqual(report(trace).marks.map(({ name }) => name), ['here']);
});

test('a mark for a process that has ended, or that is not there, is refused', async (t) => {
  const program = start(t, [node(20), '-e', '0']);
  await program.ended;
  const late = run('mark', program.trace(), 'late');
  assert.strictEqual(late.status, 1);
  assert.match(late.stderr, /no answer: has the process ended/);
  assert.match(run('mark', '999999999', 'x').stderr, /no trace of a running process 999999999 is found/);
  for (const args of [['mark'], ['mark', '1', '2name'], ['mark', '1', '']]) assert.strictEqual(run(...args).status, 2);
});
