'use strict';
// Calls every site so often: node main.js ROUNDS [churn]. With `churn` it makes garbage and functions that die.
const { Worker } = require('worker_threads');
const path = require('path');
const fs = require('fs');
const os = require('os');
const cjs = require('./cjs.js');
const wide = require('./wide.js');

const rounds = Number(process.argv[2]);
const churn = process.argv[3] === 'churn';

// A source of some hundred kilobytes, as bundlers write them: most of it in one line.
function bundle() {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'residue-js-')), 'bundle.js');
  const filler = 'var f=function(){return 1};'.repeat(12000);
  const text = `${filler}\n${'// line\n'.repeat(3000)}exports.first = () => Buffer.allocUnsafeSlow(20501);\n` +
    `${filler}\n\n${filler}exports.second = function second() {\n return Buffer.allocUnsafeSlow(20503); }\n`;
  fs.writeFileSync(file, text);
  const lines = text.split('\n');
  const line = size => lines.findIndex(l => l.includes(`(${size})`)) + 1;
  const module = require(file);
  fs.rmSync(path.dirname(file), { recursive: true });
  return {
    sites: [module.first, module.second],
    truth: [{ size: 20501, name: 'exports.first', file: 'bundle.js', line: line(20501) },
      { size: 20503, name: 'second', file: 'bundle.js', line: line(20503) }],
  };
}

let kept = [];
function makeGarbage(round) {
  for (let i = 0; i < 200; i++)
    kept.push({ i, text: `${round}-${i}`, f: () => i });
  if (kept.length > 20000)
    kept = [];
  if (round % 5 === 0)
    for (let i = 0; i < 20; i++) {
      const dies = new Function('x', `let s = 0; for (let i = 0; i < 3; i++) s += x; return s + ${round} + ${i};`);
      for (let calls = 0; calls < 300; calls++)
        dies(i);
    }
}

function runWorker(count) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(path.join(__dirname, 'worker.js'), { workerData: count });
    worker.once('error', reject);
    worker.once('exit', resolve);
  });
}

async function main() {
  const esm = await import('./esm.mjs');
  const bundled = bundle();
  if (process.env.JSH_TRUTH)
    fs.writeFileSync(process.env.JSH_TRUTH, JSON.stringify([...cjs.byHand, ...bundled.truth]));
  const sites = [...cjs.sites, ...wide.sites, ...bundled.sites, esm.exported, esm.default, esm.constant, esm.emit];
  const workers = churn ? [] : [runWorker(rounds)];
  for (let round = 0; round < rounds; round++) {
    for (const site of sites)
      site();
    for (const site of cjs.asyncSites)
      await site();
    if (churn)
      makeGarbage(round);
    if (churn && round % 400 === 0)
      workers.push(runWorker(50));
  }
  await Promise.all(workers);
}

main().then(() => process.exit(0));
