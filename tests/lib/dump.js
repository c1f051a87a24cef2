// The records of a trace, as `residue dump` prints them.

const { residue } = require('./residue');

// Mapping calls; everything else that is large is a block.
const MAPPING = new Set(['mmap', 'munmap', 'mremap', 'mprotect', 'madvise', 'brk', 'sbrk']);

function parse(line) {
  const [time, writer, kind, api, address, size] = line.split(' ');
  const record = { time, writer, kind, api, address };
  if (kind === 'free') return record;
  return { ...record, kind: MAPPING.has(api) ? 'map' : 'alloc', size: Number(size) };
}

// Allocations, frees and mapping calls in the order of time.
function dump(trace) {
  const text = residue('dump', '--kind', 'alloc', '--kind', 'free', '--kind', 'large', trace);
  return text.split('\n').filter(Boolean).map(parse);
}

// What a heap went through from the first record to the last: blocks and bytes, in all and left over.
function heap(trace) {
  const live = new Map();
  const sum = { allocations: 0, frees: 0, bytes: 0, leftBytes: 0, leftBlocks: 0 };
  for (const { kind, size, address } of dump(trace)) {
    if (kind === 'alloc') {
      sum.allocations++;
      sum.bytes += size;
      live.set(address, size);
    } else if (kind === 'free') {
      sum.frees++;
      live.delete(address);
    }
  }
  sum.leftBlocks = live.size;
  sum.leftBytes = [...live.values()].reduce((total, size) => total + size, 0);
  return sum;
}

module.exports = { dump, heap };
