import type { Session } from './pool.ts';

export async function begin(session: Session): Promise<void> {
  await session.query({ name: 'begin', text: 'begin' });
}

export async function commit(session: Session): Promise<void> {
  await session.query({ name: 'commit', text: 'commit' });
}

/**
 * Rolls back and answers `error`, to be thrown. A rollback that fails is not reported: the pool destroys a connection
 * whose transaction is still open, and the server then rolls back by itself.
 */
export async function rolledBack<E>(session: Session, error: E): Promise<E> {
  await session.query({ name: 'rollback', text: 'rollback' }).catch(() => {});
  return error;
}

/**
 * The answers of statements that travel together, once the last has come. An error is sent before the server lets go of
 * its locks (PostgresMain reports it and aborts afterwards, src/backend/tcop/postgres.c); the answer behind it comes after.
 */
export async function together<Statements extends Promise<unknown>[]>(
  ...statements: Statements
): Promise<{ [Index in keyof Statements]: Awaited<Statements[Index]> }> {
  await Promise.allSettled(statements);
  return Promise.all(statements);
}
