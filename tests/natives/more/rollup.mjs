// rollup: its parser is Rust on N-API, mimalloc inside.

import { rollup } from 'rollup';
import { print } from '../common.mjs';

const modules = { main: "import { used } from 'lib'; console.log(used(2));" };
modules.lib = Array.from({ length: 500 }, (_, i) => `export function ${i === 77 ? 'used' : `unused${i}`}(a) { return a * ${i}; }`).join('\n');
const memory = { name: 'memory', resolveId: (id) => id, load: (id) => modules[id] };
const bundle = await rollup({ input: 'main', plugins: [memory] });
print((await bundle.generate({ format: 'cjs' })).output[0].code);
await bundle.close();
modules.main = 'let = =';
print(await rollup({ input: 'main', plugins: [memory] }).catch((error) => error.code));
