import { connect, createServer, type Server } from 'node:net';
import { RefusedError } from '../exit-codes.ts';

/** An abstract socket: it belongs to the network namespace, as the lab's interfaces do, and goes with its process. */
const address = '\0pgha-lab';

/**
 * Does something that no `pgha lab` of any folder may do at the same time on this computer.
 *
 * @throws RefusedError while another one is at it, with its folder.
 */
export async function withComputerLock<T>(folder: string, doing: string, work: () => Promise<T>): Promise<T> {
  const server = createServer((client) => {
    client.on('error', () => undefined);
    client.end(`"pgha lab ${doing}" of ${folder} is in progress (pid ${process.pid})`);
  });
  await listen(server);
  try {
    return await work();
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return reject(error);
      reject(new RefusedError(`${await askHolder()}. Wait until it finishes, or stop it`));
    });
    server.listen(address, resolve);
  });
}

function askHolder(): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    const client = connect(address);
    client.setTimeout(2_000, () => client.destroy());
    client.on('data', (text) => {
      said += text;
    });
    client.on('error', () => undefined);
    client.on('close', () => resolve(said === '' ? 'another "pgha lab" command is in progress' : said));
  });
}
