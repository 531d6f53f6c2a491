import { readFileSync } from 'node:fs';
import { startBalancer } from './balancer.ts';
import type { BalancerSettings } from './settings.ts';

/** The stand-in's own process: `node main.ts SETTINGS-FILE`, inside the load balancer's network namespace. */
const [file] = process.argv.slice(2);
if (file === undefined) throw new Error('usage: node main.ts SETTINGS-FILE');
const balancer = await startBalancer(JSON.parse(readFileSync(file, 'utf8')) as BalancerSettings);
process.stdout.write('listening\n');
process.once('SIGTERM', () => balancer.stop());
