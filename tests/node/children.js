// Runs many short children, several at a time, and counts how they end.
//
//     node children.js COUNT

const { execFile } = require('node:child_process');

const count = Number(process.argv[2]);
const ends = {};
let started = 0;

function next() {
  if (started === count) return;
  const number = started++;
  execFile('/bin/sh', ['-c', `exit ${number % 3}`], (error) => {
    const status = error ? error.code : 0;
    ends[status] = (ends[status] ?? 0) + 1;
    next();
  });
}

for (let i = 0; i < 8; i++) next();
process.on('exit', () => console.log(JSON.stringify(ends)));
