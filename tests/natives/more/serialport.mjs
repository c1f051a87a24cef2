// @serialport/bindings-cpp: C++ on N-API, libuv's pool.

import { autoDetect } from '@serialport/bindings-cpp';
import { print } from '../common.mjs';

const binding = autoDetect();
for (const path of ['/dev/null', '/nowhere', '/dev/zero']) print(path, await binding.open({ path, baudRate: 9600 }).catch((error) => error.message));
