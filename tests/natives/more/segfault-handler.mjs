// segfault-handler: C++ on V8's API, a handler of SIGSEGV on a stack of its own.

import { spawnSync } from 'node:child_process';
import handler from 'segfault-handler';
import { print } from '../common.mjs';

if (process.argv[2] === 'crash') {
  handler.registerHandler('crash.log');
  handler.causeSegfault();
} else {
  handler.registerHandler('crash.log', (signal) => print(signal));
  const { signal, stderr } = spawnSync(process.execPath, [import.meta.filename, 'crash'], { encoding: 'utf8' });
  print(signal, /received SIGSEGV/.test(stderr));
  process.exit(); // the handler keeps the loop alive
}
