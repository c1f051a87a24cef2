// rolldown: Rust on N-API, mimalloc inside, tokio's threads that call JavaScript back.

import { rolldown } from 'rolldown';
import { print } from '../common.mjs';

const modules = { main: "import { used } from 'lib'; console.log(used(2));" };
modules.lib = Array.from({ length: 500 }, (_, i) => `export function ${i === 77 ? 'used' : `unused${i}`}(a) { return a * ${i}; }`).join('\n');
const memory = { name: 'memory', resolveId: (id) => id, load: (id) => modules[id] };
const bundle = await rolldown({ input: 'main', plugins: [memory] });
print((await bundle.generate({ format: 'cjs', minify: true })).output[0].code);
await bundle.close();
