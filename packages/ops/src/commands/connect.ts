import { activeLoginParameter, type Login, loadBalancerListeners, passwordParameter } from '@pgha/infra/cluster';
import { Argument, type Command, Option } from 'commander';
import { type Connection, openPsql } from '../hosts/psql.ts';
import { bothRegions, type Installation } from '../installation/installation.ts';
import { actingRegion, viewRegions } from '../operations/regions.ts';
import { authorityParameters, readSecret } from '../secrets/index.ts';
import type { CommandContext } from './command.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';

/** What the words of the command line mean at the load balancer. */
const ways = { rw: 'read/write', ro: 'read-only', pooled: 'pooled read/write' } as const;
type Way = keyof typeof ways;

interface ConnectOptions extends PlaceOptions {
  as?: 'app' | 'readonly' | 'owner';
  print?: boolean;
}

/** `pgha connect`: psql through the load balancer, as one of the database's roles. */
export function registerConnect(program: Command, context: CommandContext): void {
  withPlace(program.command('connect'), context)
    .summary('open psql on the primary, a replica or PgBouncer; print the URL')
    .description(
      'Opens psql through the load balancer of the active region: on the primary (rw, port 5432), a replica (ro, port 5433) or ' +
        'PgBouncer (pooled, port 6432). On AWS it connects through a Session Manager tunnel.',
    )
    .addArgument(
      new Argument('[way]', 'rw: the primary; ro: a replica; pooled: PgBouncer')
        .choices(Object.keys(ways))
        .default('rw'),
    )
    .argument('[psql...]', 'options for psql, after --')
    .addOption(
      new Option('--as <role>', 'database role (default: readonly for ro, app otherwise)').choices([
        'app',
        'readonly',
        'owner',
      ]),
    )
    .option('--print', 'print the URL without the password and do not connect')
    .addHelpText(
      'after',
      "\nExamples:\n  pgha connect\n  pgha connect --lab ro -- -c 'select pg_is_in_recovery()'\n  pgha connect pooled --print",
    )
    .action((way: Way, psql: readonly string[], options: ConnectOptions) =>
      withInstallation(context, options, async (installation) => {
        const { region } = actingRegion(installation.cluster, await viewRegions(installation));
        const port = loadBalancerListeners.find(({ purpose }) => purpose === ways[way])?.port ?? 0;
        const login = await readLogin(installation, options.as ?? (way === 'ro' ? 'readonly' : 'app'));
        const { hostname } = region.loadBalancer;
        if (options.print === true) {
          const { database } = installation.cluster;
          return context.print(`postgresql://${login.user}@${hostname}:${port}/${database}?sslmode=verify-full\n`);
        }
        const tunnel = await installation.tunnel(region, port);
        try {
          const connection: Connection = {
            host: hostname,
            address: tunnel.address,
            port: tunnel.port,
            database: installation.cluster.database,
            ...login,
          };
          context.exit(await openPsql(connection, psql));
        } finally {
          await tunnel.close();
        }
      }),
    );
}

/** The login of a role that is in use, its password and the CA. */
async function readLogin(installation: Installation, role: 'app' | 'readonly' | 'owner') {
  const { cluster } = installation;
  const store = installation.secrets(bothRegions(cluster));
  const login: Login =
    role === 'owner' ? 'owner' : ((await readSecret(store, activeLoginParameter(cluster, role))).trim() as Login);
  return {
    user: role === 'owner' ? 'pgha_owner' : login,
    password: await readSecret(store, passwordParameter(cluster, login)),
    ca: await readSecret(store, authorityParameters(cluster).certificate),
  };
}
