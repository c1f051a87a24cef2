// utf-8-validate: C++ on N-API, what ws checks its text with.

import isValidUTF8 from 'utf-8-validate';
import { bytes, lines, print } from '../common.mjs';

const text = Buffer.from(lines(1000));
print(isValidUTF8(text), isValidUTF8(bytes(1000)), Array.from({ length: 300 }, (_, i) => isValidUTF8(bytes(i, i))).filter(Boolean).length);
