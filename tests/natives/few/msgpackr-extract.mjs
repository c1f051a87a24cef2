// msgpackr-extract: C++ on N-API, behind msgpackr.

import { Packr } from 'msgpackr';
import { digest, print } from '../common.mjs';

const packr = new Packr({ useRecords: true });
const rows = Array.from({ length: 5000 }, (_, id) => ({ id, name: `the name of row ${id}`, tags: ['some', `tag ${id % 7}`], at: id / 3 }));
const packed = packr.pack(rows);
print(packed.length, digest(packed));
for (let i = 0; i < 10; i++) if (digest(JSON.stringify(packr.unpack(packed))) !== digest(JSON.stringify(rows))) throw new Error('not the same');
