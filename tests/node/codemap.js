// Call sites for the tests of V8's code map: each allocates blocks of a size of its own and keeps them. Then functions that
// are made, run hot and die by the thousand, so that code comes to lie where other code lay: function made_K allocates
// blocks of CHURN + K bytes. Prints how many functions it made, and what it sees of its environment.
//
//   node --expose-gc codemap.js FUNCTIONS

const { Worker, isMainThread, workerData } = require('node:worker_threads');

const CHURN = 3001;
const NAMES = 400;
const kept = [];
const hold = (bytes) => kept.push(Buffer.alloc(bytes));

function plain() { hold(2001); }
const arrow = () => hold(2002);
class Holder {
  method() { hold(2003); }
  #hidden() { hold(2004); }
  private() { this.#hidden(); }
  static fixed() { hold(2005); }
  get value() { hold(2006); return 1; }
}
async function later() { await null; hold(2007); }
function* steps() { hold(2008); yield 1; }

function sites() {
  for (let i = 0; i < 300; i++) {
    plain();
    arrow();
    const holder = new Holder();
    holder.method();
    holder.private();
    Holder.fixed();
    void holder.value;
    void [...steps()];
    [1].forEach(function callback() { hold(2009); });
  }
}

function churn(functions) {
  for (let i = 0; i < functions; i++) {
    const k = i % NAMES;
    const made = new Function('hold', `return function made_${k}(n) { for (let i = 0; i < 9; i++) n += i; hold(${CHURN + k}); return n; }`)(hold);
    for (let turn = 0; turn < 4; turn++) made(turn);
    if (i % 100 === 99) global.gc();
  }
}

if (isMainThread) {
  sites();
  for (let i = 0; i < 20; i++) later();
  churn(Number(process.argv[2]));
  new Worker(__filename, { workerData: Number(process.argv[2]) }).on('exit', () => {
    const { env, execArgv } = process;
    const names = Object.keys(env).filter((name) => !/^(RESIDUE_|LD_PRELOAD$)/.test(name));
    console.log(JSON.stringify({ names, options: env.NODE_OPTIONS, execArgv }));
  });
} else {
  sites();
  churn(workerData);
}
