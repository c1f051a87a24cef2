// Run programs under the recorder, and read their traces with the `residue` command.

const assert = require('node:assert');
const { execFileSync, spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const root = path.resolve(__dirname, '..', '..');
const build = path.resolve(root, process.env.BUILD ?? 'build');
const library = path.join(build, 'libresidue.so');
const command = path.join(build, 'residue');
const proving = process.env.RESIDUE_PROVE === '1';
const LARGEST_OUTPUT = 1 << 30;

const program = (name) => path.join(build, 'programs', name);

// The path of a node of that major version, as npm installed it.
const node = (major) => path.join(root, 'tests', 'node_modules', `node${major}`, 'bin', 'node');

// A library of tests/programs/preloads, compiled for this test.
function preload(t, name, ...flags) {
  const out = path.join(scratch(t), `${name}.so`);
  const source = path.join(root, 'tests', 'programs', 'preloads', `${name}.c`);
  execFileSync('gcc', ['-g', '-O1', '-shared', '-fPIC', '-D_GNU_SOURCE', '-o', out, source, ...flags, '-ldl', '-pthread']);
  return out;
}

// A folder that is gone when the test is over.
function scratch(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'residue-test-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

// The variables that switch the recorder on: traces go into `folder`.
function variables(folder, options = {}) {
  const chosen = Object.entries(options).map(([name, value]) => [`RESIDUE_${name}`, String(value)]);
  return {
    LD_PRELOAD: library,
    RESIDUE_OUT: path.join(folder, 'residue.%p'),
    ...Object.fromEntries(chosen),
  };
}

function traces(folder) {
  return fs
    .readdirSync(folder)
    .filter((name) => name.startsWith('residue.'))
    .sort()
    .map((name) => path.join(folder, name));
}

function onlyTrace(folder) {
  const found = traces(folder);
  assert.strictEqual(found.length, 1, `one trace expected, found: ${found.join(' ') || 'none'}`);
  return found[0];
}

// Run a program to its end under the recorder; it must leave one trace.
function record(t, argv, { options, env, folder = scratch(t), ...rest } = {}) {
  const run = spawnSync(argv[0], argv.slice(1), {
    encoding: 'utf8',
    maxBuffer: LARGEST_OUTPUT,
    ...rest,
    env: { ...process.env, ...env, ...variables(folder, options) },
  });
  if (run.error) throw run.error;
  return { ...run, folder, trace: onlyTrace(folder) };
}

// Start a program under the recorder. `line` resolves with the next line that it prints, `ended` when it is gone.
function start(t, argv, { options, env, folder = scratch(t), recorded = true, ...rest } = {}) {
  const child = spawn(argv[0], argv.slice(1), {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...rest,
    env: { ...process.env, ...env, ...(recorded ? variables(folder, options) : {}) },
  });
  t.after(() => child.kill('SIGKILL'));
  const lines = [];
  const waiting = [];
  let pending = '';
  const hand = (text) => (waiting.length ? waiting.shift()(text) : lines.push(text));
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    const parts = (pending + chunk).split('\n');
    pending = parts.pop();
    parts.forEach(hand);
  });
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      waiting.splice(0).forEach((resume) => resume(null));
      resolve({ status, signal });
    });
  });
  const line = () =>
    new Promise((resolve) => {
      if (lines.length) resolve(lines.shift());
      else if (child.exitCode !== null || child.signalCode !== null) resolve(null);
      else waiting.push(resolve);
    });
  return { child, folder, line, ended, trace: () => onlyTrace(folder) };
}

// Is node-canvas there, both versions of it? Building it takes a minute: done when proving only. Else the test is skipped.
function canvasIsBuilt(t) {
  const folder = path.join(root, 'examples', 'canvas-tobuffer');
  if (fs.existsSync(path.join(folder, 'fixed', 'node_modules', 'canvas', 'build', 'Release', 'canvas.node'))) return true;
  if (proving) {
    const install = spawnSync(path.join(folder, 'install'), { encoding: 'utf8' });
    if (install.status === 0) return true;
    t.skip(install.stderr.trim());
  } else {
    t.skip('canvas is not built; it takes a minute: examples/canvas-tobuffer/install, or make prove');
  }
  return false;
}

// Run the `residue` command; anything but success is a failure of the test.
function residue(...args) {
  const run = spawnSync(command, args, { encoding: 'utf8', maxBuffer: LARGEST_OUTPUT });
  if (run.error) throw run.error;
  assert.strictEqual(run.status, 0, `residue ${args.join(' ')} failed (${run.status ?? run.signal}): ${run.stderr}`);
  return run.stdout;
}

// The report as an object, with every call site.
const report = (trace, ...args) => JSON.parse(residue('report', '--json', '--top', '0', ...args, trace));

// The recorder's counters and the analyzer's, by name.
function stat(trace) {
  const rows = residue('stat', trace).matchAll(/^  (\S.*?) {2,}([\d,]+)$/gm);
  return Object.fromEntries([...rows].map(([, name, value]) => [name, Number(value.replaceAll(',', ''))]));
}

// Blocks outstanding in a report that satisfy `wanted(bytes)`, and their bytes.
function outstanding(report, wanted) {
  const sum = { blocks: 0, bytes: 0 };
  for (const { bytes, blocks } of report.sites.flatMap((site) => site.sizes)) {
    if (!wanted(bytes)) continue;
    sum.blocks += blocks;
    sum.bytes += blocks * bytes;
  }
  return sum;
}

module.exports = {
  root, build, library, command, proving,
  program, preload, node, scratch, variables, traces, onlyTrace, record, start, residue, report, stat, outstanding,
  canvasIsBuilt,
};
