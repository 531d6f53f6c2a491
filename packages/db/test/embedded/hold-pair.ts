/** Starts a pair in the directory given and holds it until this process is ended: a parent for tests to kill. */
import { startPair } from '../../src/embedded/index.ts';

const [dir = ''] = process.argv.slice(2);
const pair = await startPair({ dir, log: (line) => console.log(line) });
pair.guardProcess(Number(process.argv[3] ?? process.pid));
console.log(`settled ${pair.primaryPort}`);
