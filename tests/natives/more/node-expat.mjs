// node-expat: C++ by nan, expat that calls JavaScript back.

import expat from 'node-expat';
import { print } from '../common.mjs';

const parser = new expat.Parser('UTF-8');
const seen = { elements: 0, text: 0 };
parser.on('startElement', () => seen.elements++);
parser.on('text', (text) => (seen.text += text.length));
parser.write('<r>');
for (let i = 0; i < 3000; i++) parser.write(`<i n="${i}">${'x'.repeat(i % 50)}</i>`);
print(parser.parse('</r>'), seen, new expat.Parser().parse('<a></b>'));
