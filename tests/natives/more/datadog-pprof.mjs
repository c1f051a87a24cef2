// @datadog/pprof: C++ on V8's own API: SIGPROF while the program allocates, and V8's sampling of its heap.

import { heap, time } from '@datadog/pprof';
import { print } from '../common.mjs';

time.start({ durationMillis: 2000, intervalMicros: 1000 });
heap.start(64 * 1024, 64);
const kept = [];
for (const end = Date.now() + 1000; Date.now() < end; ) kept.push(Buffer.alloc(20000, kept.length % 10).toString('base64').length);
const times = time.stop();
const profile = heap.profile();
heap.stop();
print(times.sample.length > 0, times.stringTable.strings.includes('wall'), profile.sample.length > 0);
