// cbor-extract: C++ on N-API, behind cbor-x.

import { Encoder } from 'cbor-x';
import { digest, print } from '../common.mjs';

const cbor = new Encoder({ useRecords: false });
const rows = Array.from({ length: 5000 }, (_, id) => ({ id, name: `the name of row ${id}`, tags: ['some', `tag ${id % 7}`] }));
const packed = cbor.encode(rows);
print(packed.length, digest(packed));
for (let i = 0; i < 10; i++) if (JSON.stringify(cbor.decode(packed)) !== JSON.stringify(rows)) throw new Error('not the same');
