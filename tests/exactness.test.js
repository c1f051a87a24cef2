// Must show 2: for deterministic programs of Debian the trace holds exactly the allocations, frees and bytes that
// valgrind's memcheck counts, and at the very end exactly the blocks and bytes that it finds in use at exit.

const { test } = require('node:test');
const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const { onlyTrace, report, scratch, variables } = require('./lib/residue');
const { heap } = require('./lib/dump');
const { environments, memcheck } = require('./lib/valgrind');
const { programs } = require('./lib/debian-programs');

// How a mode is chosen, in variables of equal length: the recorder ignores the second one.
const MODES = { full: { RESIDUE_MODE: 'full' }, survivors: { RESIDUE_NONE: 'full' } };

// Only the program itself is recorded: setarch (no address randomisation, as under valgrind) and env are not.
function recordAlone(argv, { env, ...rest }) {
  const assignments = Object.entries(env).map(([key, value]) => `${key}=${value}`);
  return spawnSync('setarch', ['-R', 'env', '-i', ...assignments, ...argv], rest);
}

// The same figures, by the report at the end of the trace.
function reported(trace) {
  const { sites, recorder } = report(trace, '--at', 'end');
  assert.deepStrictEqual({ anomalies: recorder.anomalies, dropped: recorder.dropped }, { anomalies: 0, dropped: 0 });
  const sum = (field) => sites.reduce((total, site) => total + site[field], 0);
  return {
    allocations: sum('allocated_calls'),
    frees: sum('allocated_calls') - sum('outstanding_blocks'),
    bytes: sum('allocated_bytes'),
    leftBytes: sum('outstanding_bytes'),
    leftBlocks: sum('outstanding_blocks'),
  };
}

test('totals equal those of valgrind', async (t) => {
  const cwd = scratch(t);
  const told = variables(cwd);
  const env = environments(cwd, told.LD_PRELOAD, { RESIDUE_OUT: told.RESIDUE_OUT, ...MODES.full });

  for (const [name, argv, text] of programs(cwd)) {
    const input = Buffer.from(text ?? '');
    const { status, stdout, ...totals } = memcheck(argv, { cwd, input, env: env.judged });

    for (const [mode, choice] of Object.entries(MODES)) {
      await t.test(`${name}, ${mode}`, (t) => {
        const out = scratch(t);
        const { RESIDUE_MODE, ...common } = env.recorded;
        const run = recordAlone(argv, {
          cwd,
          input,
          env: { ...common, ...choice, RESIDUE_OUT: variables(out).RESIDUE_OUT },
        });
        assert.strictEqual(run.stderr.toString(), '');
        assert.strictEqual(run.status, status);
        assert.ok(run.stdout.equals(stdout), 'both runs print the same');
        const trace = onlyTrace(out);
        assert.deepStrictEqual(reported(trace), totals);
        if (mode === 'full') assert.deepStrictEqual(heap(trace), totals);
      });
    }
  }
});
