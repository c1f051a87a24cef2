// The records of a trace, as `residue dump` prints them.

const { residue } = require('./residue');

// Mapping calls; everything else that is large is a block.
const MAPPING = new Set(['mmap', 'munmap', 'mremap', 'mprotect', 'madvise', 'brk', 'sbrk']);

function parse(line) {
  const [time, writer, kind, api, address, size, node] = line.split(' ');
  const record = { time, writer, kind, api, address };
  if (kind === 'free') return record;
  return { ...record, kind: MAPPING.has(api) ? 'map' : 'alloc', size: Number(size), node };
}

// The nodes that say "libc allocated this for the recorder itself" (end 7), as `w1 node=1`.
function tracerNodes(trace) {
  const lines = residue('dump', '--kind', 'node', trace).split('\n').map((line) => line.split(' '));
  const ends = lines.filter(([, , , , , kind, , pc]) => kind === 'end' && pc === 'pc=0x7');
  return new Set(ends.map(([, writer, , id]) => `${writer} node=${id}`));
}

// All allocations, frees and mapping calls in the order of time.
function records(trace) {
  const text = residue('dump', '--kind', 'alloc', '--kind', 'free', '--kind', 'large', trace);
  return text.split('\n').filter(Boolean).map(parse);
}

// The same without the recorder's own blocks.
function dump(trace) {
  const nodes = tracerNodes(trace);
  const ours = new Set();
  return records(trace).filter(({ kind, writer, node, address }) => {
    if (kind === 'free') return !ours.delete(address);
    if (kind === 'alloc' && nodes.has(`${writer} ${node}`)) ours.add(address);
    else if (kind === 'alloc') ours.delete(address);
    return !ours.has(address) || kind === 'map';
  });
}

// What the program's heap went through from the first record to the last: blocks and bytes, in all and left over.
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

module.exports = { records, dump, heap };
