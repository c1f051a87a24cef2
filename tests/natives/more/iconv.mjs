// iconv: C++ by nan, libiconv.

import { Iconv } from 'iconv';
import { digest, lines, print } from '../common.mjs';

const text = lines(2000) + 'äöü€';
for (const to of ['UTF-16LE', 'UTF-7', 'ISO-8859-15', 'GB18030']) {
  const there = new Iconv('UTF-8', to).convert(text);
  print(to, digest(there), new Iconv(to, 'UTF-8').convert(there).toString() === text);
}
try {
  new Iconv('UTF-8', 'ASCII').convert('ä');
} catch (error) {
  print(error.code);
}
