// deasync: C++, turns the event loop from within a call.

import deasync from 'deasync';
import { print } from '../common.mjs';

let done = 0;
for (let i = 0; i < 20; i++) setTimeout(() => done++, i);
deasync.loopWhile(() => done < 20);
print(done);
deasync.sleep(30);
print(deasync((value, callback) => setImmediate(callback, null, value * 2))(21));
