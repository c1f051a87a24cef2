// zeromq: C++ on N-API, libzmq's threads.

import { Pull, Push } from 'zeromq';
import { print } from '../common.mjs';

const push = new Push();
const pull = new Pull();
await push.bind('ipc://socket');
pull.connect('ipc://socket');
const sending = (async () => { for (let i = 0; i < 3000; i++) await push.send(`message ${i}`.repeat(1 + (i % 50))); })();
let sum = 0;
for (let i = 0; i < 3000; i++) sum += (await pull.receive())[0].length;
await sending;
print(sum);
push.close();
pull.close();
