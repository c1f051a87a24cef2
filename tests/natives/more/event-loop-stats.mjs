// event-loop-stats: C++ by nan, libuv's hooks.

import { sense } from 'event-loop-stats';
import { setTimeout as sleep } from 'node:timers/promises';
import { print } from '../common.mjs';

await sleep(50);
print(Object.keys(sense()).sort());
