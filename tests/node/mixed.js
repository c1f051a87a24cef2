// A little of everything that a program does with the system: files, pipes, children, timers, compression, names.

const { createHash } = require('node:crypto');
const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const zlib = require('node:zlib');
const { promisify } = require('node:util');

async function main() {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'mixed-'));
  const file = path.join(folder, 'data');
  const data = Buffer.from(Array.from({ length: 300000 }, (_, i) => (i * i) % 251));
  await fs.writeFile(file, data);
  const packed = await promisify(zlib.gzip)(await fs.readFile(file));
  const back = await promisify(zlib.gunzip)(packed);
  console.log('same', back.equals(data), createHash('sha1').update(back).digest('hex'));
  console.log('cat', execFileSync('cat', [file]).length);
  console.log('child', execFileSync(process.execPath, ['-p', '6 * 7'], { encoding: 'utf8' }).trim());
  console.log('status', spawnSync(process.execPath, ['-e', 'process.exit(9)']).status);
  console.log('signal', spawnSync(process.execPath, ['-e', 'process.kill(process.pid, "SIGTERM")']).signal);
  console.log('descriptors', (await fs.readdir('/proc/self/fd')).filter((fd) => fd < 64).sort().join(' '));
  await fs.rm(folder, { recursive: true });
  await new Promise((resolve) => setTimeout(resolve, 20));
  process.exitCode = 6;
}

main();
