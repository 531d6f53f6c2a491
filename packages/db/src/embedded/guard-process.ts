import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

import { lockOwner } from './lock.ts';
import { identifyProcess, isRunning, type ProcessIdentity, signal } from './processes.ts';
import { stopLeftoverServer } from './server.ts';

/** A server that was being started when its parent ended shows itself within this. */
const LATE_START_MS = 1_000;
/** Without their database the services have nothing to finish; this is for closing their sockets. */
const SERVICES_MS = 5_000;

const [dir = '', ...dataDirs] = process.argv.slice(2);
const parent = process.ppid;
const watched: ProcessIdentity[] = [];

for await (const line of createInterface({ input: process.stdin })) {
  const identity = identifyProcess(Number(line));
  if (identity !== null) watched.push(identity);
}

/** A next run has the directory by now: the servers there are its own, and it has stopped what it found. */
const isTakenOver = () => {
  const owner = lockOwner(dir);
  return owner !== null && owner.pid !== parent;
};

async function stopServices(): Promise<void> {
  const deadline = Date.now() + SERVICES_MS;
  for (const identity of watched.filter(isRunning)) signal(identity.pid, 'SIGTERM');
  while (watched.some(isRunning) && Date.now() < deadline) await delay(50);
  for (const identity of watched.filter(isRunning)) signal(identity.pid, 'SIGKILL');
}

async function stopServers(): Promise<void> {
  const late = Date.now() + LATE_START_MS;
  do {
    if (isTakenOver()) return;
    await Promise.all(dataDirs.map((dataDir) => stopLeftoverServer(dataDir)));
    await delay(50);
  } while (Date.now() < late);
}

await Promise.all([stopServices(), stopServers()]);
