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
