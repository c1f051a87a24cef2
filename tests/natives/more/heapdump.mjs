// heapdump: C++ on V8's own API; writes a snapshot, and a second one in a forked child on SIGUSR2.

import { readFileSync } from 'node:fs';
import heapdump from 'heapdump';
import { print } from '../common.mjs';

globalThis.kept = Array.from({ length: 1000 }, (_, i) => ({ i }));
await new Promise((resolve) => heapdump.writeSnapshot('a.heapsnapshot', resolve));
const { snapshot, nodes } = JSON.parse(readFileSync('a.heapsnapshot', 'utf8'));
print(snapshot.meta.node_fields[0], nodes.length > 10000);
