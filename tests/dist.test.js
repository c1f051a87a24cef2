// Must show 6: the folder of `make dist` is all that a container needs; and the npm package made of it.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { build, proving, root, scratch } = require('./lib/residue');
const { closure, makeRoot, obstacle, place, runIn, succeed } = require('./lib/chroot');

// Keeps 40 blocks of 300,007 bytes, and answers requests meanwhile: its own.
const SERVER = `
const http = require('node:http');
const kept = [];
function handler(request, response) {
  kept.push(Buffer.alloc(300007, 1));
  response.end('ok');
}
const server = http.createServer(handler).listen(0, '127.0.0.1', async () => {
  const url = 'http://127.0.0.1:' + server.address().port;
  for (let i = 0; i < 40; i++) await (await fetch(url)).text();
  server.close();
  server.closeAllConnections();
});
`;

const made = {};
function make(target) {
  if (made[target]) return made[target];
  const args = ['--no-print-directory', '-s', target, `BUILD=${path.relative(root, build)}`];
  const run = spawnSync('make', args, { cwd: root, encoding: 'utf8' });
  made[target] = path.resolve(root, succeed(run, `make ${target}`).trim().split('\n').at(-1));
  return made[target];
}

function assertKept(report) {
  const kept = report.sites.find(({ sizes }) => sizes.some(({ bytes, blocks }) => bytes === 300007 && blocks === 40));
  assert.ok(kept, 'the 40 blocks of 300,007 bytes are one call site');
  assert.ok(kept.stack.some((frame) => frame.function === 'handler' && /server\.js$/.test(frame.file)));
}

// Node into the root, and the server.
function addServer(there) {
  place(there, process.execPath, '/usr/bin/node');
  closure(process.execPath).forEach((library) => place(there, library));
  fs.mkdirSync(path.join(there, 'app'), { recursive: true });
  fs.writeFileSync(path.join(there, 'app', 'server.js'), SERVER);
}

function traceIn(there, dist) {
  fs.cpSync(dist, path.join(there, 'opt', 'residue'), { recursive: true });
  const at = { cwd: '/app', env: { PATH: '/usr/bin:/bin' } };
  const recorded = runIn(there, ['/opt/residue/bin/residue', 'record', '--', '/usr/bin/node', 'server.js'], at);
  assert.match(recorded.stderr.toString(), /^residue: recorded residue\.\d+; /m);
  succeed(recorded, 'residue record');
  const report = runIn(there, ['/opt/residue/bin/residue', 'report', '--json', '--metric', 'outstanding'], at);
  assertKept(JSON.parse(succeed(report, 'residue report')));
  succeed(runIn(there, ['/opt/residue/bin/residue', 'pack', '-o', 'pack'], at), 'residue pack');
  return path.join(there, 'app', 'pack');
}

test("the folder of make dist asks for no library but libc's and its own, and names each one's licence", () => {
  const dist = make('dist');
  const libraries = path.join(dist, 'lib', 'residue');
  for (const file of [path.join(dist, 'bin', 'residue'), ...fs.readdirSync(libraries).map((name) => path.join(libraries, name))]) {
    const strange = closure(file).filter(
      (library) =>
        !path.resolve(library).startsWith(libraries) && !/\/(libc|libm|ld-linux-[^/]*)\.so\.\d$/.test(library),
    );
    // What another of its libraries needs is found by the program that loads them all.
    if (file.endsWith('/residue') || file.endsWith('libresidue.so')) assert.deepStrictEqual(strange, [], file);
  }
  const thirdParty = fs.readFileSync(path.join(dist, 'share/doc/residue/THIRD-PARTY'), 'utf8');
  for (const name of fs.readdirSync(libraries)) {
    if (name !== 'libresidue.so') assert.match(thirdParty, new RegExp(`^lib/residue/${name.replaceAll('.', '\\.')}: .*licence in`, 'm'));
  }
  for (const [, file] of thirdParty.matchAll(/licence in (\S+)/g)) {
    assert.ok(fs.statSync(path.join(dist, 'share/doc/residue', file)).size > 500, file);
  }
  for (const file of ['doc/residue/LICENSE', 'doc/residue/README.md', 'man/man1/residue.1', 'bash-completion/completions/residue']) {
    assert.ok(fs.statSync(path.join(dist, 'share', file)).size > 0, file);
  }
});

test('the folder of make dist records and reports node in a root that has node and libc and nothing else', (t) => {
  const why = obstacle();
  if (why) return t.skip(why);
  const there = makeRoot(t, []);
  addServer(there);
  traceIn(there, make('dist'));
});

test('the folder of make dist records and reports node in a minimal Debian without any -dev package', (t) => {
  if (!proving) return t.skip('long form only: debootstrap fetches 60 MB');
  const why = obstacle();
  if (why) return t.skip(why);
  const there = scratch(t);
  const { error, status, stdout } = spawnSync('debootstrap', ['--variant=minbase', 'bookworm', there], { encoding: 'utf8' });
  if (error || status !== 0) return t.skip(`no debootstrap here: ${error ?? stdout.slice(-300)}`);
  const packages = succeed(runIn(there, ['/usr/bin/dpkg-query', '-W', '-f', '${Package}\n']), 'dpkg-query').toString();
  assert.match(packages, /^libc6$/m);
  assert.doesNotMatch(packages, /-dev$|^(libdw1|libelf1|libzydis4\.0|libjansson4|libprotobuf-c1)$/m);
  addServer(there);
  traceIn(there, make('dist'));
});

test('the npm package is installed from its file without a network and without a script, and npx runs it', (t) => {
  const packed = make('npm');
  const folder = scratch(t);
  const run = (program, args) => {
    const env = { ...process.env, npm_config_cache: path.join(folder, '.cache'), npm_config_offline: 'true' };
    return succeed(spawnSync(program, args, { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 30, env }), `${program} ${args.join(' ')}`);
  };
  fs.writeFileSync(path.join(folder, 'server.js'), SERVER);
  run('npm', ['install', '--no-audit', '--no-fund', packed]);
  const { scripts, bin } = JSON.parse(fs.readFileSync(path.join(folder, 'node_modules/residue/package.json'), 'utf8'));
  assert.deepStrictEqual([scripts, bin], [undefined, { residue: 'bin/residue' }]);
  run('npx', ['residue', 'record', '--', 'node', 'server.js']);
  assertKept(JSON.parse(run('npx', ['residue', 'report', '--json', '--metric', 'outstanding'])));
});
