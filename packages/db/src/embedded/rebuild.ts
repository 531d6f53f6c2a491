import type { Account } from './account.ts';
import type { Login } from './logins.ts';
import { copyPrimary } from './replication.ts';
import type { Server } from './server.ts';
import type { MemberName } from './state.ts';

/** Builds one member at a time anew from the primary. */
export interface Rebuild {
  /** The member that is being built; null while none is. */
  member(): MemberName | null;
  /** Begins and does not wait. */
  begin(name: MemberName, primary: MemberName): void;
  /** Breaks off and waits for the end. */
  stop(): Promise<void>;
}

export interface RebuildParts {
  servers: Record<MemberName, Server>;
  ports: Record<MemberName, number>;
  dataDirs: Record<MemberName, string>;
  superuser: Login;
  account: Account | null;
  syncToDisk(dataDir: string): Promise<void>;
}

export interface RebuildEvents {
  /** The member's files are whole, and on the disk. */
  built(name: MemberName): void;
  failed(name: MemberName, error: Error): void;
  /** Nothing is being built any more. */
  ended(): void;
}

export function createRebuild(parts: RebuildParts, events: RebuildEvents): Rebuild {
  const { servers, ports, dataDirs, superuser, account, syncToDisk } = parts;
  let current: { name: MemberName; done: Promise<void>; abort: AbortController } | null = null;

  async function build(name: MemberName, primary: MemberName, signal: AbortSignal): Promise<void> {
    await servers[name].stop('immediate');
    servers[name].fence();
    await copyPrimary({
      primary: { port: ports[primary], superuser, dataDir: dataDirs[primary] },
      replica: { name, dataDir: dataDirs[name] },
      account,
      signal,
    });
    await syncToDisk(dataDirs[name]);
    events.built(name);
  }

  return {
    member: () => current?.name ?? null,

    begin(name, primary) {
      const abort = new AbortController();
      const done = build(name, primary, abort.signal)
        .catch((error: Error) => events.failed(name, error))
        .finally(() => {
          current = null;
          events.ended();
        });
      current = { name, done, abort };
    },

    async stop() {
      current?.abort.abort();
      await current?.done;
    },
  };
}
