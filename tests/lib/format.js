// Reads the records of a trace by FORMAT.md alone, with no line of the analyzer: the second opinion on both halves.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const ALLOC = 0;
const FREE = 1;
const LARGE = 2;
const ROW_BYTES = [24, 16, 32, 24];
const FIELD_BYTES = [[8, 8, 4, 4], [8, 8], [8, 8, 8, 4, 4]];
const HEADER_BYTES = 64;
const PLANES = 1;
const FIELDS = 3;

const APIS = {
  1: 'malloc', 2: 'calloc', 3: 'realloc', 4: 'reallocarray', 5: 'posix_memalign', 6: 'aligned_alloc', 7: 'memalign',
  8: 'valloc', 9: 'pvalloc', 16: 'free', 17: 'cfree', 18: 'free_sized', 19: 'free_aligned_sized',
  32: 'mmap', 33: 'munmap', 34: 'mremap', 35: 'mprotect', 36: 'madvise', 37: 'brk', 38: 'sbrk',
};
const FIRST_MAPPING_API = 32;

// RFC 8878, 3.1.1.1: what a zstd frame says of its size. Ours all do.
function contentSize(frame) {
  const descriptor = frame[4];
  const single = descriptor >> 5 & 1;
  const at = 5 + (single ? 0 : 1) + [0, 1, 2, 4][descriptor & 3];
  switch (descriptor >> 6) {
    case 0: return frame[at];
    case 1: return frame.readUInt16LE(at) + 256;
    case 2: return frame.readUInt32LE(at);
    default: return Number(frame.readBigUInt64LE(at));
  }
}

// 2.2: "Headers are skippable frames of the zstd format and contents are zstd frames".
function logFrames(file) {
  const bytes = fs.readFileSync(file);
  const frames = [];
  let packed = [];
  for (let at = HEADER_BYTES; at + HEADER_BYTES <= bytes.length; ) {
    const header = bytes.subarray(at, at + HEADER_BYTES);
    const end = at + HEADER_BYTES + header.readUInt32LE(20);
    if (end > bytes.length) break;
    frames.push({
      kind: header[8],
      encoding: header[9],
      sequence: header.readUInt32LE(12),
      size: contentSize(bytes.subarray(at + HEADER_BYTES, end)),
      records: header.readUInt32LE(40),
    });
    packed.push(bytes.subarray(at + HEADER_BYTES, end));
    at = end;
  }
  if (frames.length === 0) return frames;
  const { stdout, status, stderr } = spawnSync('zstd', ['-dc'], { input: Buffer.concat(packed), maxBuffer: 2 ** 31 });
  if (status !== 0) throw new Error(`${file}: ${stderr}`);
  let offset = 0;
  for (const frame of frames) {
    frame.content = stdout.subarray(offset, offset + frame.size);
    offset += frame.size;
  }
  return frames;
}

// 2.3: "for each word of the record and for each byte of that word from the lowest, the bytes of all records".
function rows(frame) {
  if (frame.encoding === FIELDS) return fieldRows(frame);
  if (frame.encoding !== PLANES) return frame.content;
  const { content, records } = frame;
  const width = content.length / records;
  const out = Buffer.alloc(content.length);
  for (let i = 0; i < records; i++) {
    for (let byte = 0; byte < width; byte++) out[i * width + byte] = content[byte * records + i];
    if (i === 0) continue;
    for (let word = 0; word < width; word += 8) {
      const here = i * width + word;
      const sum = out.readBigUInt64LE(here) + out.readBigUInt64LE(here - width);
      out.writeBigUInt64LE(BigInt.asUintN(64, sum), here);
    }
  }
  return out;
}

// 2.3: "each field is replaced by its difference to the same field of the record before, in zigzag".
function fieldRows({ kind, content, records }) {
  const width = ROW_BYTES[kind];
  const out = Buffer.alloc(width * records);
  let at = 0;
  for (const bytes of FIELD_BYTES[kind]) {
    let value = 0n;
    for (let i = 0; i < records; i++) {
      let number = 0n;
      for (let byte = bytes - 1; byte >= 0; byte--) number = number << 8n | BigInt(content[(at + byte) * records + i]);
      value = BigInt.asUintN(8 * bytes, value + (number >> 1n ^ -(number & 1n)));
      for (let byte = 0; byte < bytes; byte++) out[i * width + at + byte] = Number(value >> BigInt(8 * byte) & 0xffn);
    }
    at += bytes;
  }
  return out;
}

// 3: segments at 64, second segments at 288. 3.1: "a live segment whose sequence number is in the log already is a copy and is dropped".
function liveFrames(file, sealed) {
  if (!fs.existsSync(file)) return [];
  const bytes = fs.readFileSync(file);
  const frames = [];
  for (const at of [64, 96, 128, 160, 192, 288, 320, 352, 384, 416]) {
    const kind = (at < 256 ? at - 64 : at - 288) / 32;
    const used = bytes.readUInt32LE(at);
    const sequence = bytes.readUInt32LE(at + 4);
    const offset = bytes.readUInt32LE(at + 8);
    if (used === 0 || sealed.some((frame) => frame.kind === kind && frame.sequence === sequence)) continue;
    frames.push({ kind, encoding: 0, sequence, content: bytes.subarray(offset, offset + used) });
  }
  return frames;
}

function decode(kind, row, writer) {
  const where = row.readBigUInt64LE(8);
  const number = Number(where >> 48n);
  const address = `0x${(where & 0xffffffffffffn).toString(16)}`;
  const record = { time: row.readBigUInt64LE(0), writer: `w${writer}`, api: APIS[number], address };
  if (kind === FREE) return { ...record, kind: 'free' };
  if (kind === ALLOC) return { ...record, kind: 'alloc', size: row.readUInt32LE(16) };
  return {
    ...record,
    kind: number >= FIRST_MAPPING_API ? 'map' : 'alloc',
    size: Number(row.readBigUInt64LE(16)),
  };
}

// 1: "when two records have the same time, the free comes first".
function earlier(a, b) {
  if (a.time !== b.time) return a.time < b.time ? -1 : 1;
  return (b.kind === 'free') - (a.kind === 'free');
}

function records(trace) {
  const all = [];
  for (const name of fs.readdirSync(trace)) {
    if (!/^t\d+\.log$/.test(name)) continue;
    const writer = parseInt(name.slice(1), 10);
    const log = path.join(trace, name);
    const sealed = logFrames(log);
    const live = liveFrames(log.replace(/log$/, 'live'), sealed);
    for (const frame of [...sealed, ...live]) {
      if (frame.kind > LARGE) continue;
      const content = rows(frame);
      const width = ROW_BYTES[frame.kind];
      for (let at = 0; at < content.length; at += width) {
        all.push(decode(frame.kind, content.subarray(at, at + width), writer));
      }
    }
  }
  return all.sort(earlier);
}

module.exports = { records };
