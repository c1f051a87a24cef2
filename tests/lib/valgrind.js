// What valgrind's memcheck counts in a program's heap, and an environment in which a recorded run sees the same.
// Programs copy their environment into blocks (perl, gawk, python3, git): both runs get the same variables, with
// values of the same length.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const BASE = { PATH: '/usr/bin:/bin', LC_ALL: 'C', HOME: '/nonexistent', PYTHONHASHSEED: '0', PERL_HASH_SEED: '0' };

// What valgrind puts into the environment of the program that it runs.
function additions(cwd) {
  const run = spawnSync('valgrind', ['-q', '/usr/bin/env'], { cwd, env: BASE, encoding: 'utf8' });
  const all = run.stdout.trim().split('\n').map((line) => line.match(/^([^=]*)=(.*)$/).slice(1));
  return Object.fromEntries(all.filter(([name]) => !(name in BASE)));
}

// The environments of a recorded run and of one under valgrind. ld.so skips the empty entries of LD_PRELOAD that fill
// up the shorter one.
function environments(cwd, preload, variables) {
  const added = additions(cwd);
  const theirs = added.LD_PRELOAD.length;
  const room = Math.max(preload.length, theirs + 1);
  return {
    recorded: { ...BASE, ...added, ...variables, LD_PRELOAD: preload.padEnd(room, ':') },
    judged: { ...BASE, ...variables, LD_PRELOAD: ':'.repeat(room - theirs - 1) },
  };
}

const number = (text) => Number(text.replaceAll(',', ''));

// Total and left-over blocks and bytes of a program, as memcheck counts them.
function memcheck(argv, options) {
  const log = path.join(options.cwd, 'valgrind.log');
  fs.rmSync(log, { force: true });
  const run = spawnSync(
    'setarch',
    ['-R', 'valgrind', '--run-libc-freeres=no', '--run-cxx-freeres=no', `--log-file=${log}`, ...argv],
    options,
  );
  const text = fs.readFileSync(log, 'utf8');
  const use = text.match(/in use at exit: ([\d,]+) bytes in ([\d,]+) blocks/);
  const total = text.match(/total heap usage: ([\d,]+) allocs, ([\d,]+) frees, ([\d,]+) bytes allocated/);
  if (!use || !total) throw new Error(`valgrind did not count ${argv[0]}:\n${text}`);
  return {
    status: run.status,
    stdout: run.stdout,
    allocations: number(total[1]),
    frees: number(total[2]),
    bytes: number(total[3]),
    leftBytes: number(use[1]),
    leftBlocks: number(use[2]),
  };
}

module.exports = { environments, memcheck };
