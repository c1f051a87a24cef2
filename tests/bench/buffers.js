// Buffers of 64 B to 8 KiB, most of them short-lived.
const rounds = Number(process.argv[2] ?? 1000000);
const kept = new Array(1000);
for (let i = 0; i < rounds; i++)
  kept[i % kept.length] = Buffer.allocUnsafeSlow(64 + (i * 7919) % 8128);
