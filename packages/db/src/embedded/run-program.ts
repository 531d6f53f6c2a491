import { execFile } from 'node:child_process';

import type { Account } from './account.ts';

interface Outcome {
  failed: boolean;
  output: string;
}

/** Runs one of PostgreSQL's programs as the account; waits without blocking, for connections are being forwarded meanwhile. */
export function runProgram(program: string, args: string[], account: Account | null): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(
      program,
      args,
      {
        cwd: '/',
        env: { LANG: 'C', LC_ALL: 'C', PATH: '/usr/bin:/bin' },
        ...(account === null ? {} : { uid: account.uid, gid: account.gid }),
      },
      (error, stdout, stderr) => {
        resolve({ failed: error !== null, output: `${stdout}\n${stderr}\n${error?.message ?? ''}` });
      },
    );
  });
}
