// An ECMAScript module: see cjs.js for the notation.
import { EventEmitter } from 'node:events';

Buffer.allocUnsafeSlow(20201); //@ 20201 (top level)

export function exported() {
  return Buffer.allocUnsafeSlow(20203); //@ 20203 exported
}

export default function () {
  return Buffer.allocUnsafeSlow(20205); //@ 20205 default
}

export const constant = () => {
  return Buffer.allocUnsafeSlow(20207); //@ 20207 constant
};

export class Emits extends EventEmitter {
  constructor() {
    super();
    this.on('it', function listener() {
      Buffer.allocUnsafeSlow(20209); //@ 20209 listener
    });
  }
  static {
    Buffer.allocUnsafeSlow(20211); //@ 20211 <static_initializer>|Emits
  }
}

const emitter = new Emits();
export const emit = () => emitter.emit('it');

await null;
Buffer.allocUnsafeSlow(20213); //@ 20213 (top level)
