import type { Session } from './pool.ts';

/**
 * Runs `work` in a transaction. An error rolls back and is thrown on; a failed rollback is not reported, because the
 * pool destroys a connection whose transaction is still open, and the server then rolls back by itself.
 */
export async function transaction<T>(session: Session, work: () => Promise<T>): Promise<T> {
  await session.query({ name: 'begin', text: 'begin' });
  try {
    const value = await work();
    await session.query({ name: 'commit', text: 'commit' });
    return value;
  } catch (error) {
    await session.query({ name: 'rollback', text: 'rollback' }).catch(() => {});
    throw error;
  }
}
