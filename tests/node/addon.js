// Asks an addon (tests/addons/origins.c) in each way to allocate elsewhere; each block has a size of its own, and each is
// asked for by a function of its own. Rounds of work that is cancelled and calls that are dropped go before.
//
//   node addon.js ADDON ROUNDS
'use strict';
const addon = require(process.argv[2]);
const rounds = Number(process.argv[3]);

function asksForWork() { addon.work(10_001); }
function prepares() { addon.prepare(10_002); }
function begins() { addon.begin(); }
function asksLibuv() { addon.uv(10_003); }
function asksForACall() { addon.call(10_004); }
function asksForAnotherCall() { addon.call(10_005); }
function asksForAThread() { addon.thread(10_006); }

for (let round = 0; round < rounds; round++) {
  addon.cancel(200);
  addon.drop(50);
}
setTimeout(() => {
  asksForWork();
  prepares();
  begins();
  asksLibuv();
  asksForACall();
  asksForAnotherCall();
  asksForAThread();
  setTimeout(() => console.log(addon.context()), 200);
}, 200);
