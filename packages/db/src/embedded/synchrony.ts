import type { Login } from './logins.ts';
import { positionOnceInForce } from './replication.ts';
import type { Server } from './server.ts';
import type { MemberName } from './state.ts';

/** Whom every commit of the primary waits for, as the primary's settings say. */
export interface Synchrony {
  waitsFor(): MemberName | null;
  /** A position (bytes of WAL) reached after the setting was in force in every process; null until that is known. */
  since(): bigint | null;
  /** Writes the setting and has the primary read it; when that has happened is not known. */
  set(primary: MemberName, replica: MemberName | null): void;
  /** The same, and finds out since when it is in force. Resolves when that is known, or given up with the setting. */
  establish(primary: MemberName, replica: MemberName): Promise<void>;
  /** Another primary, whose settings have not been written yet. */
  forget(): void;
}

export interface SynchronyParts {
  servers: Record<MemberName, Server>;
  ports: Record<MemberName, number>;
  superuser: Login;
  /** Writes the member's postgresql.conf; it takes effect at its next start or reload. */
  writeSettings(name: MemberName, waitsFor: MemberName | null): void;
}

/** @param initial the setting that the primary's files hold */
export function createSynchrony(parts: SynchronyParts, initial: MemberName | null): Synchrony {
  const { servers, ports, superuser, writeSettings } = parts;
  let waitsFor = initial;
  let since: bigint | null = null;
  let timesChanged = 0;

  function set(primary: MemberName, replica: MemberName | null): number {
    waitsFor = replica;
    since = null;
    writeSettings(primary, replica);
    servers[primary].reload();
    return ++timesChanged;
  }

  return {
    waitsFor: () => waitsFor,
    since: () => since,
    set: (primary, replica) => void set(primary, replica),

    async establish(primary, replica) {
      const change = set(primary, replica);
      const position = await positionOnceInForce({ port: ports[primary], superuser }).catch(() => null);
      // an answer to an earlier change says nothing about what was acknowledged since
      if (change !== timesChanged) return;
      if (position !== null) since = position;
      // the primary broke off: asked for again as soon as it answers
      else set(primary, null);
    },

    forget() {
      waitsFor = null;
      since = null;
      timesChanged += 1;
    },
  };
}
