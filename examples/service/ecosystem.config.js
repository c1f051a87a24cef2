// The service under pm2: one process in fork mode, or two workers in cluster mode on the next port.
//
// What stands in `env` reaches a process in fork mode when it is executed, so the recorder can be switched on here. In
// cluster mode pm2's daemon hands it to the workers only after they have started: there the daemon itself must be started
// with these variables (see the guide).

const port = Number(process.env.PORT ?? 3000);
const shared = { script: 'server.js', args: 'leaky', cwd: __dirname, autorestart: false };
const recorder = {
  LD_PRELOAD: process.env.LIBRESIDUE ?? '/usr/local/lib/residue/libresidue.so',
  RESIDUE_OUT: `${__dirname}/fork.%p`,
};

module.exports = {
  apps: [
    { ...shared, name: 'fork', exec_mode: 'fork', env: { PORT: port, ...recorder } },
    { ...shared, name: 'cluster', exec_mode: 'cluster', instances: 2, env: { PORT: port + 1 } },
  ],
};
