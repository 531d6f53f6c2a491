/**
 * What a promise about acknowledged commits needs of every session that makes one: the commit is flushed here and on its
 * synchronous standby. `remote_apply` waits for more and stays.
 */
const sufficient = ['on', 'remote_apply'];

/**
 * Pins `synchronous_commit` for the session, whatever was stored for the system, the database or the role: a session's own
 * setting comes before all of them. Nothing is changed where the session already waits long enough.
 */
export const pinCommit = `select set_config('synchronous_commit', 'on', false)
 where current_setting('synchronous_commit') not in (${sufficient.map((value) => `'${value}'`).join(', ')})`;
