'use strict';
// Whole stacks: allocates at the bottom of calls of many shapes, and writes down what V8 itself says of each.
const fs = require('fs');
const vm = require('vm');

Error.stackTraceLimit = Infinity;
const describe = (error, calls) => calls.filter(call => !call.isAsync()).map(call => ({
  name: call.getFunctionName() || '',
  file: call.isEval() && !call.getFileName() ? '(eval)' : call.getFileName() || '',
  line: call.getLineNumber() || 0,
  column: call.getColumnNumber() || 0,
}));

const truth = {};
let size = 30001;

// The stack from the caller of `probe` outward. The same allocation twice, so that the second finds everything cached.
function probe() {
  const holder = {};
  const before = Error.prepareStackTrace;
  Error.prepareStackTrace = describe;
  Error.captureStackTrace(holder, probe);
  const stack = holder.stack;
  Error.prepareStackTrace = before;
  truth[size] = stack;
  Buffer.allocUnsafeSlow(size); Buffer.allocUnsafeSlow(size);
  size += 2;
}

class Shape {
  #secret(f) { return f(); }
  open(f) {
    return this.#secret(f);
  }
  static still(f) { return f(); }
  get lazy() { probe(); return 1; }
  set lazy(value) { probe(); }
}
function deep(n, f) { return n ? deep(n - 1, f) : f(); }
const small = f => f();
const shape = new Shape();

const shapes = [
  () => probe(),
  () => deep(1, probe),
  () => deep(40, probe),
  () => shape.open(probe),
  () => Shape.still(() => shape.open(probe)),
  () => shape.lazy,
  () => { shape.lazy = 1; },
  () => [1].forEach(() => probe()),
  () => [1].map(function inner() { return small(() => probe()); }),
  () => [2, 1].sort(() => { probe(); return 0; }),
  () => [1].reduce((x, y) => probe(), 0),
  () => Array.from({ length: 1 }, () => probe()),
  () => 'abc'.replace(/b/, () => probe()),
  () => JSON.parse('[1]', () => probe()),
  () => JSON.stringify({ toJSON() { probe(); } }),
  () => Reflect.apply(deep, null, [2, probe]),
  () => deep.bind(null, 3)(probe),
  () => deep.call(null, 1, probe),
  () => new (class { field = probe(); })(),
  () => new (class { constructor() { probe(); } })(),
  () => [...(function* () { yield probe(); })()],
  () => eval('probe()'),
  () => new Function('f', 'f();')(probe),
  () => new vm.Script('(f => {\n f();\n})', { filename: 'named.js' }).runInThisContext()(probe),
  () => new Proxy({}, { get: () => probe() }).x,
  () => String({ toString() { probe(); return ''; } }),
  () => new Map([[1, 1]]).forEach(() => probe()),
  () => { try { throw 1; } catch { probe(); } finally { probe(); } },
  async () => { await null; probe(); },
  () => new Promise(resolve => { probe(); resolve(); }),
  () => Promise.resolve().then(() => probe()),
  () => new Promise(resolve => setTimeout(() => { probe(); resolve(); }, 0)),
  () => new Promise(resolve => process.nextTick(() => { probe(); resolve(); })),
  async () => { for await (const x of (async function* () { yield probe(); })()); },
];

async function main() {
  for (let round = 0; round < Number(process.argv[2]); round++)
    for (const run of shapes)
      await run();
  fs.writeFileSync(process.env.JSH_TRUTH, JSON.stringify(truth));
  process.exit(0);
}
main();
