// What `make install` puts into a prefix works from there: commands, man page, completion.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { build, root, scratch } = require('./lib/residue');

test('an installed residue records and reports, and documents every command', (t) => {
  const folder = scratch(t);
  const prefix = path.join(folder, 'prefix');
  const run = (command, args, options) => {
    const result = spawnSync(command, args, { encoding: 'utf8', cwd: folder, ...options });
    assert.strictEqual(result.status, 0, `${command} ${args.join(' ')}: ${result.stderr}`);
    return result.stdout;
  };
  run('make', ['install', `PREFIX=${prefix}`, `BUILD=${path.relative(root, build)}`], { cwd: root });
  const residue = path.join(prefix, 'bin', 'residue');
  run(residue, ['record', '--', process.execPath, '-e', '0']);
  assert.match(run(residue, ['report']), /^residue report of residue\.\d+\n/);

  const commands = [...run(residue, ['help']).matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name]) => name);
  assert.ok(commands.includes('report') && commands.length > 12);
  const page = fs.readFileSync(path.join(prefix, 'share/man/man1/residue.1'), 'utf8');
  for (const command of commands) assert.ok(page.includes(`.SS residue ${command}\n`), `${command} is not in the man page`);

  const complete = (...words) =>
    run('bash', ['-c', `source ${prefix}/share/bash-completion/completions/residue; COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _residue; echo "\${COMPREPLY[@]}"`], {
      env: { ...process.env, PATH: `${prefix}/bin:${process.env.PATH}` },
    }).trim();
  assert.strictEqual(complete('residue', 'rep'), 'report');
  assert.strictEqual(complete('residue', 'report', '--lim'), '--limit');
});

test('before the set-up make says what comes first, and nothing of compilers', (t) => {
  const folder = scratch(t);
  fs.copyFileSync(path.join(root, 'Makefile'), path.join(folder, 'Makefile'));
  for (const goals of [[], ['all'], ['install'], ['dist']]) {
    const { status, stderr } = spawnSync('make', goals, { cwd: folder, encoding: 'utf8', env: { ...process.env, MAKEFLAGS: '' } });
    assert.strictEqual(status, 2);
    assert.match(stderr, /^Makefile:\d+: \*\*\* `make setup` comes first: .*\n$/m);
  }
  assert.strictEqual(spawnSync('make', ['help'], { cwd: folder }).status, 0);
});
