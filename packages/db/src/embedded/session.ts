import { Client } from 'pg';

import type { Login } from './logins.ts';

/** A server that does not answer within this is as good as gone for the supervisor. */
const ANSWER_MS = 2_000;

interface SessionOptions {
  port: number;
  database: string;
  login: Login;
  /** For statements that may take as long as they need: null. */
  answerMs?: number | null;
}

/** Opens one session to a member. Its death shows in the next query; the event alone must not end the process. */
export async function connect({ port, database, login, answerMs = ANSWER_MS }: SessionOptions): Promise<Client> {
  const client = new Client({
    host: '127.0.0.1',
    port,
    database,
    user: login.user,
    password: login.password,
    application_name: 'pgha embedded',
    connectionTimeoutMillis: ANSWER_MS,
    ...(answerMs === null ? {} : { query_timeout: answerMs }),
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}
