'use strict';
// Each line that allocates ends in its size and the name that the tracer must give to the function it stands in.
// Sizes are odd and used once. `a|b` allows either name (V8 changed its mind), `a/b` wants the caller b on the line as well
// and `*` any name; `eval` means line 1 of a text that has no name of its own. `sites` are called, `asyncSites` awaited.
const vm = require('vm');
const path = require('path');

const sites = exports.sites = [];
const asyncSites = exports.asyncSites = [];

function plain() {
  return Buffer.allocUnsafeSlow(20001); //@ 20001 plain
}
sites.push(plain);

const expression = function named() {
  return Buffer.allocUnsafeSlow(20003); //@ 20003 named
};
sites.push(expression);

const arrow = () => Buffer.allocUnsafeSlow(20005); //@ 20005 arrow
sites.push(arrow);

sites.push(() => Buffer.allocUnsafeSlow(20007)); //@ 20007 (anonymous)

sites.push(() => (function () {
  return Buffer.allocUnsafeSlow(20009); //@ 20009 (anonymous)
})());

const object = {
  method() {
    return Buffer.allocUnsafeSlow(20011); //@ 20011 method
  },
  get property() {
    return Buffer.allocUnsafeSlow(20013); //@ 20013 get property
  },
  set property(value) {
    this.kept = Buffer.allocUnsafeSlow(20015); //@ 20015 set property
  },
  ['comp' + 'uted']() {
    return Buffer.allocUnsafeSlow(20017); //@ 20017 *
  },
};
sites.push(() => object.method(), () => object.property, () => { object.property = 1; }, () => object.computed());

class Base {
  constructor() {
    this.own = Buffer.allocUnsafeSlow(20019); //@ 20019 Base
  }
}
class Member extends Base {
  field = Buffer.allocUnsafeSlow(20021); //@ 20021 <instance_members_initializer>|Member
  #hidden() {
    return Buffer.allocUnsafeSlow(20023); //@ 20023 #hidden
  }
  get #secret() {
    return Buffer.allocUnsafeSlow(20025); //@ 20025 get #secret
  }
  open() {
    return [this.#hidden(), this.#secret];
  }
  static shared() {
    return Buffer.allocUnsafeSlow(20027); //@ 20027 shared
  }
  static #own() {
    return Buffer.allocUnsafeSlow(20029); //@ 20029 #own
  }
  static callOwn() {
    return Member.#own();
  }
}
sites.push(() => new Member().open(), () => Member.shared(), () => Member.callOwn());

function withDefault(value = Buffer.allocUnsafeSlow(20031)) { //@ 20031 withDefault
  return value;
}
sites.push(() => withDefault());

function* generator() {
  yield Buffer.allocUnsafeSlow(20033); //@ 20033 generator
  yield Buffer.allocUnsafeSlow(20035); //@ 20035 generator
}
sites.push(() => [...generator()]);

function evaluates() {
  return eval('(function inEval() { return 1; })(), Buffer.allocUnsafeSlow(20037)'); //@ 20037 eval
}
sites.push(evaluates);

const made = new Function('return Buffer.allocUnsafeSlow(20039);'); //@ 20039 eval
sites.push(() => made());

sites.push(() => [1].forEach(function visit() {
  Buffer.allocUnsafeSlow(20041); //@ 20041 visit
}));
sites.push(() => [1, 2].map(x => Buffer.allocUnsafeSlow(20043))); //@ 20043 (anonymous)
sites.push(() => [2, 1].sort(function compare(x, y) {
  Buffer.allocUnsafeSlow(20045); //@ 20045 compare
  return x - y;
}));
sites.push(() => 'abc'.replace(/b/, function substitute() {
  Buffer.allocUnsafeSlow(20047); //@ 20047 substitute
  return 'x';
}));
sites.push(() => JSON.parse('[1]', function revive(key, value) {
  if (key === '0')
    Buffer.allocUnsafeSlow(20049); //@ 20049 revive
  return value;
}));
sites.push(() => JSON.stringify({ toJSON() {
  Buffer.allocUnsafeSlow(20051); //@ 20051 toJSON
  return 1;
} }));
sites.push(() => [1, 2].reduce(function add(x, y) {
  Buffer.allocUnsafeSlow(20053); //@ 20053 add
  return x + y;
}));

const proxy = new Proxy({}, {
  get: function trap() {
    return Buffer.allocUnsafeSlow(20055); //@ 20055 trap
  },
});
sites.push(() => proxy.anything);

function applied() {
  return Buffer.allocUnsafeSlow(20057); //@ 20057 applied
}
sites.push(() => Reflect.apply(applied, null, []));

function bound(x) {
  return Buffer.allocUnsafeSlow(20059); //@ 20059 bound
}
const binding = bound.bind(null, 1);
sites.push(() => binding());

const iterable = { [Symbol.iterator]() {
  let left = 1;
  return { next: function step() {
    Buffer.allocUnsafeSlow(20061); //@ 20061 step
    return { done: left-- === 0 };
  } };
} };
sites.push(() => { for (const x of iterable); });

function tag(strings) {
  return Buffer.allocUnsafeSlow(20063); //@ 20063 tag
}
sites.push(() => tag`text`);

function tries() {
  try {
    throw new Error('x');
  } catch (error) {
    return Buffer.allocUnsafeSlow(20065); //@ 20065 tries
  } finally {
    Buffer.allocUnsafeSlow(20067); //@ 20067 tries
  }
}
sites.push(tries);

// Small enough to be inlined into its caller; the second frame out must be the caller, at the line of the call.
function inlined(n) { return Buffer.allocUnsafeSlow(n); }
function caller() {
  const before = 1;
  return inlined(20069 + before - 1); //@ 20069 inlined/caller
}
sites.push(caller);

function branches(x) {
  if (x & 1)
    return Buffer.allocUnsafeSlow(20071); //@ 20071 branches
  for (let i = 0; i < 2; i++)
    x += i;
  return Buffer.allocUnsafeSlow(20073); //@ 20073 branches
}
let turn = 0;
sites.push(() => branches(turn++));

const script = new vm.Script('(function inScript() {\n  return Buffer.allocUnsafeSlow(20075);\n})',
  { filename: path.join(__dirname, 'cjs.js'), lineOffset: 1000 });
const inScript = script.runInThisContext();
sites.push(() => inScript());
exports.byHand = [{ size: 20075, name: 'inScript', file: 'cjs.js', line: 1002 }];

function Old() {}
Old.prototype.assigned = function () {
  return Buffer.allocUnsafeSlow(20077); //@ 20077 Old.assigned
};
const old = new Old();
sites.push(() => old.assigned());

function recursive(depth) {
  if (depth > 0)
    return recursive(depth - 1);
  return Buffer.allocUnsafeSlow(20079); //@ 20079 recursive
}
sites.push(() => recursive(3));

function umlaut_größe() {
  return Buffer.allocUnsafeSlow(20081); //@ 20081 umlaut_größe
}
sites.push(umlaut_größe);

async function beforeAwait() {
  Buffer.allocUnsafeSlow(20101); //@ 20101 beforeAwait
  await null;
}
async function afterAwait() {
  await null;
  Buffer.allocUnsafeSlow(20103); //@ 20103 afterAwait
}
async function* asyncGenerator() {
  yield 1;
  await null;
  yield Buffer.allocUnsafeSlow(20105); //@ 20105 asyncGenerator
}
asyncSites.push(beforeAwait, afterAwait, async () => { for await (const x of asyncGenerator()); });
asyncSites.push(() => Promise.resolve().then(function reaction() {
  Buffer.allocUnsafeSlow(20107); //@ 20107 reaction
}));
asyncSites.push(() => new Promise(resolve => process.nextTick(function ticked() {
  Buffer.allocUnsafeSlow(20109); //@ 20109 ticked
  resolve();
})));
asyncSites.push(() => new Promise(resolve => queueMicrotask(function micro() {
  Buffer.allocUnsafeSlow(20111); //@ 20111 micro
  resolve();
})));
asyncSites.push(() => new Promise(resolve => setImmediate(function immediate() {
  Buffer.allocUnsafeSlow(20113); //@ 20113 immediate
  resolve();
})));
asyncSites.push(async () => {
  await Promise.all([null]);
  Buffer.allocUnsafeSlow(20115); //@ 20115 (anonymous)
});
