/**
 * What `npm start` runs with whatever Node npm itself has: hands over to the Node the project brings. Plain JavaScript,
 * because an older Node cannot read anything else; a process that waits, because npm gives the prompt back when its
 * child ends, and a shell in between would end at Ctrl-C, before the database has stopped.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = 24;

const node = findNode();
if (node === null) {
  process.stderr.write(
    `pgha: Node ${OLDEST_NODE} or newer is required, this is ${process.version}; install it from https://nodejs.org and run npm start again\n`,
  );
  process.exit(1);
}
const main = spawn(node, [fileURLToPath(new URL('main.ts', import.meta.url)), ...process.argv.slice(2)], {
  // the channel carries nothing: main notices by its end that we have ended, even by SIGKILL
  stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
});
// a terminal sends Ctrl-C to both of us, a supervisor to us alone: main takes several within a second as one
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => main.kill(name));
main.on('exit', (code, cause) => process.exit(code ?? 128 + constants.signals[cause]));
main.on('error', (error) => {
  process.stderr.write(`pgha: cannot run ${node}: ${error.message}\n`);
  process.exit(1);
});

// npm outlives what it runs: when it is gone it was killed, and nobody is left to stop us
const npm = process.ppid;
const watch = setInterval(() => {
  if (process.ppid === npm) return;
  clearInterval(watch);
  main.kill('SIGTERM');
}, 1_000);
watch.unref();

function findNode() {
  const checkout = createRequire(new URL('../../../../package.json', import.meta.url));
  try {
    return checkout.resolve(`node-${process.platform}-${process.arch}/bin/node`);
  } catch {
    // not brought for this platform: our own will do if it is new enough
    return Number.parseInt(process.versions.node, 10) >= OLDEST_NODE ? process.execPath : null;
  }
}
