// node-pty: C++ on N-API, forks by itself and waits in a thread.

import pty from 'node-pty';
import { print } from '../common.mjs';

const run = (script) =>
  new Promise((resolve) => {
    const terminal = pty.spawn('/bin/sh', ['-c', script], { cols: 77, rows: 20, env: process.env });
    let said = '';
    terminal.onData((text) => (said += text));
    terminal.onExit(({ exitCode, signal }) => setTimeout(() => resolve([said, exitCode, signal]), 50));
  });
print(await run('stty size; exit 5'));
print(await Promise.all(Array.from({ length: 10 }, (_, i) => run(`seq ${i}; exit ${i}`))));
print((await run('kill -TERM $$'))[2]);
