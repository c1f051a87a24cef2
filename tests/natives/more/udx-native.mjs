// udx-native: C, UDP by libuv on the loopback.

import UDX from 'udx-native';
import { bytes, digest, print } from '../common.mjs';

const udx = new UDX();
const [a, b] = [udx.createSocket(), udx.createSocket()];
a.bind(0, '127.0.0.1');
b.bind(0, '127.0.0.1');
const [from, to] = [udx.createStream(1), udx.createStream(2)];
from.connect(a, 2, b.address().port, '127.0.0.1');
to.connect(b, 1, a.address().port, '127.0.0.1');
const sent = bytes(500000);
const received = [];
to.on('data', (chunk) => received.push(chunk)).on('end', () => to.end());
from.on('data', () => {});
from.end(sent);
await Promise.all([from, to].map((stream) => new Promise((resolve) => stream.on('close', resolve))));
print(digest(Buffer.concat(received)) === digest(sent));
await Promise.all([a.close(), b.close()]);
