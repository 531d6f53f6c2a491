import { createPool, defaultPoolLimits, insertItem, readItems, readPage, type Session, silentObserver } from '@pgha/db';

/**
 * How many statements per second the database alone answers: run as a process of its own, with no other load. Prints the
 * figure. Arguments: kind, port, user, database, seconds, rows; the password comes in PGPASSWORD.
 */
const [kind = '', port = '', user = '', database = '', seconds = '', rows = ''] = process.argv.slice(2);

/** As many statements in flight as the services' load has connections, over as many connections as they use. */
const lanes = { connections: 16, perConnection: 4 };

const statements: Record<string, (session: Session) => Promise<unknown>> = {
  item: (session) => readItems(session, [String(1 + Math.floor(Math.random() * Number(rows)))]),
  page: (session) => readPage(session, { skip: 0, limit: 50, activeOnly: false, after: null }),
  create: (session) =>
    insertItem(session, { name: 'Keyboard', description: 'Mechanical, 87 keys', price: '129.90', isActive: true }),
};
const statement = statements[kind];
if (!statement) throw new Error(`${kind}: must be one of ${Object.keys(statements).join(', ')}`);

const pool = createPool(
  'limit',
  {
    host: '127.0.0.1',
    port: Number(port),
    database,
    user,
    password: process.env['PGPASSWORD'] ?? '',
    tls: { mode: 'disable' },
  },
  { ...defaultPoolLimits, maxSize: lanes.connections },
  kind === 'create' ? 'primary' : 'any-read-only',
  silentObserver,
);

let answered = 0;
const started = performance.now();
const until = started + Number(seconds) * 1000;
const lane = async (session: Session) => {
  while (performance.now() < until) {
    await statement(session);
    answered += 1;
  }
};
await Promise.all(
  Array.from({ length: lanes.connections }, () =>
    pool.use((session) => Promise.all(Array.from({ length: lanes.perConnection }, () => lane(session)))),
  ),
);
const rate = answered / ((performance.now() - started) / 1000);
await pool.close();
console.log(rate);
