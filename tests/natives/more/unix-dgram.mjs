// unix-dgram: C++ by nan, sockets by hand.

import unix from 'unix-dgram';
import { print } from '../common.mjs';

let sum = 0;
let count = 0;
const server = unix.createSocket('unix_dgram', (message) => {
  sum += message.length;
  if (++count < 500) return send();
  print(sum);
  server.close();
  client.close();
});
server.bind('socket');
const client = unix.createSocket('unix_dgram');
const send = () => client.send(Buffer.from('x'.repeat(1 + (count % 90))), 0, 1 + (count % 90), 'socket');
send();
