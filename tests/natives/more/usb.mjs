// usb: libusb, with a thread that waits for events.

import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { print } from '../common.mjs';

const { usb } = createRequire(import.meta.url)('usb');
const listener = () => {};
usb.addEventListener('connect', listener);
print(await usb.getDevices().then(Array.isArray, (error) => error.message));
await sleep(100);
usb.removeEventListener('connect', listener);
