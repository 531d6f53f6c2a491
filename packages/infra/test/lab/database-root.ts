import { allNodes, defineCluster, nodeNamed } from '../../src/cluster/index.ts';
import { renderMachine, type Site } from '../../src/machines/index.ts';
import { type DebianRoot, openDebianRoot } from './debian-root.ts';

const cluster = defineCluster({ primary: { postgres: 2 } });
const site: Site = {
  kind: 'lab',
  ssmEndpoint: null,
  s3Endpoint: null,
  extraCa: null,
  hosts: Object.fromEntries(allNodes(cluster).map(({ hostname, address }) => [hostname, address])),
  packagesPreinstalled: true,
  watchdog: 'none',
  dataDevice: null,
  artifactBucket: 'artifacts',
  backupBuckets: { primary: 'backups', dr: 'backups-dr' },
};
const machine = renderMachine(cluster, nodeNamed(cluster, 'pg-1'), site);
export const onVolume = renderMachine(cluster, nodeNamed(cluster, 'pg-1'), { ...site, dataDevice: '/dev/sdf' });
const tools = [
  'etcd-server',
  'etcd-client',
  'iproute2',
  'procps',
  'shellcheck',
  'openssl',
  'e2fsprogs',
  'kmod',
  'udev',
];
const packages = [...new Set([...machine.packages, ...tools])].sort();
const logins = machine.secrets.flatMap(({ path }) => /^\/etc\/pgha\/secrets\/(\w+)$/.exec(path)?.[1] ?? []);

/** Secrets and certificates as `pgha-secrets` leaves them; the directories as systemd makes them. */
export const prepare = `
export HOME=/root
unset NOTIFY_SOCKET
mkdir -p /etc/pgha/tls /etc/pgha/secrets /root/ca
rm -rf /var/lib/postgresql/17 /root/etcd
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca -keyout /root/ca/key -out /etc/pgha/tls/ca.crt 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /O=pgha -keyout /root/ca/pg.key -out /root/ca/csr 2>/dev/null
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1,${allNodes(cluster)
  .map(({ hostname }) => `DNS:${hostname}`)
  .join(',')}\\nextendedKeyUsage=serverAuth,clientAuth\\n' >/root/ca/ext
openssl x509 -req -in /root/ca/csr -CA /etc/pgha/tls/ca.crt -CAkey /root/ca/key -days 2 -extfile /root/ca/ext -out /root/ca/pg.crt 2>/dev/null
for user in postgres haproxy prometheus; do
  install -o $user -g $user -m 0644 /root/ca/pg.crt /etc/pgha/tls/$user.crt
  install -o $user -g $user -m 0600 /root/ca/pg.key /etc/pgha/tls/$user.key
done
for login in ${logins.join(' ')}; do
  printf 'secret-%s' "$login" >/etc/pgha/secrets/$login
  case $login in *_login) printf '%s_a' "\${login%_login}" >/etc/pgha/secrets/$login ;; esac
  chown postgres /etc/pgha/secrets/$login
  chmod 0600 /etc/pgha/secrets/$login
done
echo '1 current secret-passphrase' >/etc/pgha/secrets/backup_passphrases
echo none >/etc/pgha/secrets/backup_detached
systemd-tmpfiles --create /etc/tmpfiles.d/pgha-patroni.conf /etc/tmpfiles.d/pgha-pgbackrest.conf
install -d -o postgres -g postgres /run/pgbouncer /run/pgha-guard /run/postgresql
install -d /run/haproxy
as() { user=$1; shift; setpriv --reuid "$user" --regid "$user" --init-groups env HOME=/var/lib/postgresql "$@"; }
# in the background: $! is then the program itself
become() { user=$1; shift; exec setpriv --reuid "$user" --regid "$user" --init-groups env HOME=/var/lib/postgresql "$@"; }
as postgres /usr/local/lib/pgha/assemble \\
  /etc/pgha/templates/patroni-secrets.yml /etc/patroni/config/20-secrets.yml \\
  /etc/pgha/templates/userlist.txt /run/pgbouncer/userlist.txt \\
  /etc/pgha/templates/auth.ini /run/pgbouncer/auth.ini \\
  /etc/pgha/templates/guard.pgpass /run/pgbouncer/guard.pgpass
as postgres /usr/local/lib/pgha/repositories /etc/pgha/repositories.json
`;

/** One member on its own: etcd with users, Patroni, the router, the pooler and what watches them, as the units run them. */
export const start = `${prepare}
ip link set lo up
for address in ${allNodes(cluster)
  .map(({ address }) => address)
  .join(' ')}; do ip address add $address/32 dev lo; done
etcd --data-dir /root/etcd --listen-client-urls https://${nodeNamed(cluster, 'etcd-1').address}:2379 --advertise-client-urls https://etcd-1.prod.pgha.internal:2379 \\
  --listen-peer-urls http://127.0.0.1:2380 --cert-file /root/ca/pg.crt --key-file /root/ca/pg.key --trusted-ca-file /etc/pgha/tls/ca.crt --client-cert-auth >/root/etcd.log 2>&1 &
export ETCDCTL_ENDPOINTS=https://etcd-1.prod.pgha.internal:2379 ETCDCTL_CACERT=/etc/pgha/tls/ca.crt ETCDCTL_CERT=/root/ca/pg.crt ETCDCTL_KEY=/root/ca/pg.key
until etcdctl endpoint health >/dev/null 2>&1; do sleep 0.2; done
{ etcdctl user add root:root; etcdctl user grant-role root root; etcdctl user add etcd_patroni_a:secret-etcd_patroni_a; etcdctl role add patroni
  etcdctl role grant-permission patroni readwrite --prefix=true /service/; etcdctl user grant-role etcd_patroni_a patroni; etcdctl auth enable; } >/dev/null
become postgres /usr/local/lib/pgha/patroni /etc/patroni/config >/root/patroni.log 2>&1 & patroni=$!
haproxy -f /etc/haproxy/haproxy.cfg -db >/root/haproxy.log 2>&1 &
become postgres pgbouncer /etc/pgbouncer/pgbouncer.ini >/root/pgbouncer.log 2>&1 & pgbouncer=$!
become postgres /usr/local/lib/pgha/guard watch >/root/guard.log 2>&1 & guard=$!
become postgres /usr/local/lib/pgha/node-check >/root/node-check.log 2>&1 &
wait_for() { tries=0; until "$@" >/dev/null 2>&1; do tries=$((tries + 1)); [ $tries -lt 150 ] || { echo "never: $*"; tail -n 5 /root/*.log; exit 9; }; sleep 0.2; done; }
patroni_says() { curl --silent --fail --cacert /etc/pgha/tls/ca.crt https://localhost:8008/$1; }
healthy() { curl --silent --output /dev/null --write-out '%{http_code}' http://127.0.0.1:8009/; }
is_healthy() { [ "$(healthy)" = "$1" ]; }
console() { as postgres psql --no-psqlrc -h /run/pgbouncer -p 6432 -U pgbouncer pgbouncer -At -c "$1"; }
paused() { console 'show databases' | grep ^pgha | cut -d'|' -f16; }
is_paused() { [ "$(paused)" = "$1" ]; }
export PGSSLMODE=verify-full PGSSLROOTCERT=/etc/pgha/tls/ca.crt PGCONNECT_TIMEOUT=60
query() { PGPASSWORD=secret-\${4:-$1} psql --no-psqlrc -At -v VERBOSITY=terse "host=localhost port=$2 user=$1 dbname=pgha" -c "$3" 2>&1 | tail -n 1; }
passes() { PGPASSWORD=secret-app_a psql --no-psqlrc -At "host=localhost port=$1 user=app_a dbname=pgha" -c 'select 1'; }
wait_for patroni_says primary
wait_for is_healthy 200
wait_for passes 5000
wait_for passes 5001
`;

/** A root with everything of a database machine that has its data on a volume of its own. */
export function openDatabaseRoot(): DebianRoot {
  const root = openDebianRoot(packages);
  root.write(onVolume.files);
  return root;
}
