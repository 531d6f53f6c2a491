import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allNodes, defineCluster, type Node } from '../../src/cluster/index.ts';
import { type Machine, renderMachine, type Site } from '../../src/machines/index.ts';
import { site as bareSite, type DebianRoot, openDebianRoot } from './debian-root.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], alertEmail: 'ops@example.com' });
const lab: Site = {
  ...bareSite,
  hosts: Object.fromEntries(allNodes(cluster).map(({ hostname, address }) => [hostname, address])),
};
const aws: Site = { ...lab, kind: 'aws', ssmEndpoint: null, s3Endpoint: null, hosts: {}, packagesPreinstalled: false };

const roles = ['etcd', 'api', 'monitoring', 'bastion'] as const;
const machines = allNodes(cluster)
  .filter((node) => (roles as readonly string[]).includes(node.role))
  .map((node) => renderMachine(cluster, node, lab));
const tools = [
  'iproute2',
  'openssl',
  'shellcheck',
  'python3-moto',
  'python3-flask',
  'python3-flask-cors',
  'curl',
  'jq',
];
const packages = [...new Set([...machines.flatMap((machine) => machine.packages), ...tools])].sort();

const runbook = new URL('../../../../docs/runbooks/backup-objects-deleted.md', import.meta.url);
const machineNamed = (name: string) => machines.find(({ node }) => node.name === name) ?? expect.fail(`no ${name}`);

let root: DebianRoot;

/** A root that holds one machine's files; the next `open` replaces it. */
function open(machine: Machine): void {
  root = openDebianRoot(packages);
  root.write(machine.files);
}

/** Certificates as `pgha secrets init` makes them, by the program that reads them most strictly. */
const certificates = (nodes: readonly Node[]) => `
mkdir -p /etc/pgha/tls /root/ca
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca -keyout /root/ca/key -out /etc/pgha/tls/ca.crt 2>/dev/null
issue() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout "$1.key" -out /root/ca/csr 2>/dev/null
  printf 'subjectAltName=DNS:%s,DNS:localhost,IP:%s,IP:127.0.0.1\\nextendedKeyUsage=serverAuth,clientAuth\\n' "$2" "$3" >/root/ca/ext
  openssl x509 -req -in /root/ca/csr -CA /etc/pgha/tls/ca.crt -CAkey /root/ca/key -days 2 -extfile /root/ca/ext -out "$1.crt" 2>/dev/null
}
${nodes.map(({ name, hostname, address }) => `issue /root/ca/${name} ${hostname} ${address}`).join('\n')}
`;

describe.each(
  roles.map((role) => [role, machines.find(({ node }) => node.role === role) ?? expect.fail(role)] as const),
)('the %s machine', (_role, machine) => {
  beforeAll(() => open(machine));
  afterAll(() => root.close());

  it('has units that systemd accepts without a word', () => {
    const units = [
      ...machine.files.flatMap(
        ({ path }) => /^\/etc\/systemd\/system\/([^/]+\.(?:service|socket|timer))$/.exec(path)?.[1] ?? [],
      ),
      ...machine.files.flatMap(({ path }) => /^\/etc\/systemd\/system\/([^/]+)\.d\/[^/]+$/.exec(path)?.[1] ?? []),
    ];
    expect(units.length).toBeGreaterThan(2);
    const { code, output } = root.run(`systemd-analyze verify --man=no --recursive-errors=no ${units.join(' ')} 2>&1`);
    expect(output).toBe('');
    expect(code).toBe(0);
  });

  it('has an SSH configuration that sshd accepts, without passwords', () => {
    const { output } = root.run('mkdir -p /run/sshd; ssh-keygen -A >/dev/null; sshd -T');
    expect(output).toContain('passwordauthentication no');
    expect(output).toContain('permitrootlogin no');
    expect(output).toContain(`allowtcpforwarding ${machine.node.role === 'bastion' ? 'local' : 'no'}`);
  });
});

describe('deleted backups', () => {
  const machine = machineNamed('api-1');
  beforeAll(() => open(machine));
  afterAll(() => root.close());

  const [label, incremental] = ['20261120-020000F', '20261120-020000F_20261120-060000I'];
  const wal = (number: string) => `pgha/1/archive/pgha/17-1/0000000100000000/${number}-${'0'.repeat(40)}.zst`;
  /** pgBackRest's report, of a backup that ended in the past; the program finds it as its command's output. */
  const info = (labels: readonly string[]) => [
    {
      name: 'pgha',
      repo: [1, 2].map((key) => ({ key, status: { code: 0, message: 'ok' } })),
      archive: [{ id: '17-1', min: '000000010000000000000003', database: { 'repo-key': 1 } }],
      backup: labels.map((each) => ({ label: each, timestamp: { start: 10, stop: 20 }, database: { 'repo-key': 1 } })),
    },
  ];
  /** What the runbook's command selects: the AWS CLI evaluates it with this library. */
  const query = /--query "(.*)" --output/.exec(readFileSync(runbook, 'utf8'))?.[1] ?? expect.fail('no query');

  it('are found in buckets with versions, and restored by what the runbook selects', () => {
    root.write([
      { path: '/root/info.json', content: JSON.stringify(info([label, incremental])), mode: '0644' },
      { path: '/root/expired.json', content: JSON.stringify(info([label])), mode: '0644' },
      // the second look finds what expired since the first
      {
        path: '/usr/local/bin/pgbackrest',
        content: '#!/bin/sh\ncat /root/info.json\n[ ! -e /root/expires ] || cp /root/expired.json /root/info.json\n',
        mode: '0755',
      },
    ]);
    const { code, output } = root.run(`
ip link set lo up
export AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=us-east-1
export RUNTIME_DIRECTORY=/root/run CREDENTIALS_DIRECTORY=/root/credentials AWS_CA_BUNDLE=/root/moto.crt
mkdir -p /root/run /root/credentials
echo '1 current secret' >/root/credentials/passphrases; echo none >/root/credentials/detached
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=x -addext subjectAltName=IP:127.0.0.1 -keyout /root/moto.key -out /root/moto.crt 2>/dev/null
moto_server -H 127.0.0.1 -p 5000 --ssl --ssl-cert /root/moto.crt --ssl-key /root/moto.key >/root/moto.log 2>&1 &
until curl --silent --fail --cacert /root/moto.crt -o /dev/null https://127.0.0.1:5000/moto-api/; do sleep 0.2; done
cat >/root/s3.py <<'x'
import sys, boto3, jmespath
s3 = boto3.client("s3", endpoint_url="https://127.0.0.1:5000")
def fill():
    for bucket in ("backups", "backups-dr"):
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    info = ["pgha/1/backup/pgha/backup.info", "pgha/1/archive/pgha/archive.info"]
    backups = [f"pgha/1/backup/pgha/{label}/{name}" for label in ("${label}", "${incremental}") for name in ("backup.manifest", "bundle/1")]
    wal = ["${wal('NAME')}".replace("NAME", f"0000000100000000{n:08X}") for n in range(1, 6)]
    for key in info + backups + wal:
        s3.put_object(Bucket="backups", Key=key, Body=b"x")
def delete(*keys):
    for key in keys:
        s3.delete_object(Bucket="backups", Key=key)
def restore():
    answer = s3.list_object_versions(Bucket="backups", Prefix="pgha/1/")
    # the CLI has times as text
    markers = [each | {"LastModified": each["LastModified"].isoformat()} for each in answer["DeleteMarkers"]]
    for key, version in jmespath.search(${JSON.stringify(query.replace('$since', '2026-01-01T00:00:00'))}, {"DeleteMarkers": markers}):
        s3.delete_object(Bucket="backups", Key=key, VersionId=version)
globals()[sys.argv[1]](*sys.argv[2:])
x
python3 /root/s3.py fill
look() { echo "$1"; /usr/local/lib/pgha/deleted-backups /root/result.json /root/figures.prom || echo "ended with $?"; cat /root/result.json; echo; grep '^pgha_backup_objects_deleted' /root/figures.prom; }
look whole
python3 /root/s3.py delete ${wal('000000010000000000000002')}
look 'expired WAL'
python3 /root/s3.py delete ${wal('000000010000000000000005')} pgha/1/backup/pgha/${label}/bundle/1
look deleted
python3 /root/s3.py restore
look restored
touch /root/expires
python3 /root/s3.py delete pgha/1/backup/pgha/${incremental}/bundle/1
look 'expired meanwhile'
kill $!
look silent`);
    const seen = (name: string) => {
      const [, results = '[]', ...rest] = output.split(`${name}\n`)[1]?.split(/^(\[.*\])$/m) ?? [];
      return { results: JSON.parse(results), figures: rest.join('').trim().split('\n').slice(0, 2) };
    };
    const whole = { repository: 1, deleted: 0, first: null, requests: 5, problem: null };
    expect(seen('whole').results, output).toMatchObject([whole, { repository: 2, deleted: 0, problem: null }]);
    expect(seen('expired WAL').results[0]).toMatchObject(whole);
    expect(seen('\ndeleted').results[0]).toMatchObject({
      deleted: 2,
      first: wal('000000010000000000000005'),
      below: ['pgha/1/archive/pgha/17-1/', `pgha/1/backup/pgha/${label}/`],
    });
    expect(seen('\ndeleted').figures).toEqual([
      'pgha_backup_objects_deleted{repository="1"} 2',
      'pgha_backup_objects_deleted{repository="2"} 0',
    ]);
    expect(seen('restored').results[0]).toMatchObject(whole);
    expect(seen('expired meanwhile').results[0]).toMatchObject({ deleted: 0 });
    expect(seen('silent').results[0].problem).toContain('Could not connect to the endpoint');
    expect(output).toContain('ended with 1');
    expect(code).toBe(0);
  });
});

describe('the programs of the machines', () => {
  beforeAll(() => open(machineNamed('api-1')));
  afterAll(() => root.close());

  it('pass shellcheck and Python’s compiler', () => {
    const programs = machines.flatMap(({ files }) => files).filter(({ program }) => program !== undefined);
    root.write(programs.map((file) => ({ ...file, path: `/root/programs/${file.program}` })));
    const { code, output } = root.run(`
      shellcheck --exclude=SC1091 /root/programs/*.sh
      python3 -W error -m py_compile /root/programs/*.py`);
    expect(output).toBe('');
    expect(code).toBe(0);
  });
});

describe('the bastion', () => {
  beforeAll(() => open(machineNamed('bastion-1')));
  afterAll(() => root.close());

  it('loads its packet filter, twice', () => {
    const { code, output } = root.run('nft -f /etc/nftables.conf; nft -f /etc/nftables.conf; nft list ruleset');
    expect(output).toContain('policy drop');
    expect(output).toContain('masquerade');
    expect(code).toBe(0);
  });
});

describe('etcd', () => {
  const members = machines.filter(({ node }) => node.role === 'etcd' && node.name.startsWith('etcd'));
  beforeAll(() => open(machineNamed('etcd-1')));
  afterAll(() => root.close());

  /** Three members, each with its own network, certificate and data: peers check where a connection comes from. */
  const start = `
ip link add machines type bridge; ip link set machines up; ip address add 10.42.0.1/16 dev machines
${certificates(members.map(({ node }) => node))}
mkdir -p /etc/pgha/secrets
rm -f /etc/pgha/secrets/etcd_accepted
for login in etcd_admin_a etcd_admin_b etcd_patroni_a etcd_patroni_b; do printf "secret-$login" >/etc/pgha/secrets/$login; done
echo etcd_admin_a >/etc/pgha/secrets/etcd_admin_login
${members
  .map(
    ({ node }) => `
ip netns add ${node.name}
ip link add ${node.name} type veth peer name eth0 netns ${node.name}; ip link set ${node.name} master machines up
ip -n ${node.name} address add ${node.address}/16 dev eth0; ip -n ${node.name} link set eth0 up; ip -n ${node.name} link set lo up
ip netns exec ${node.name} sh -c 'set -a; . /root/etcd/${node.name}.env; exec etcd' >/root/${node.name}.log 2>&1 &`,
  )
  .join('\n')}
cp /root/ca/etcd-1.crt /etc/pgha/tls/etcd.crt; cp /root/ca/etcd-1.key /etc/pgha/tls/etcd.key
/usr/local/sbin/pgha-etcd-auth >/root/auth.log 2>&1 || { tail -n 20 /root/auth.log /root/etcd-1.log; exit 9; }
`;
  const helpers = `set -a; . /etc/pgha/etcdctl.env; set +a
as() { login=$1 password=$2; shift 2; ETCDCTL_USER=$login ETCDCTL_PASSWORD=$password etcdctl "$@"; }
verdict() { echo "$1: $(shift; "$@" 2>&1 | tail -n 1)"; }`;
  // one root stands for three machines
  const environments = () =>
    members.map(({ node, files }) => ({
      path: `/root/etcd/${node.name}.env`,
      mode: '0644',
      content: (files.find(({ path }) => path === '/etc/default/etcd')?.content ?? '')
        .replaceAll('/etc/pgha/tls/etcd.', `/root/ca/${node.name}.`)
        .replace('/var/lib/etcd/pgha', `/root/data/${node.name}`),
    }));

  it('admits Patroni’s user to its prefix, and nobody else to anything', () => {
    root.write(environments());
    const { code, output } = root.run(`${start}
${helpers}
verdict own as etcd_patroni_b secret-etcd_patroni_b put /service/pgha/leader pg-1
verdict read as etcd_patroni_b secret-etcd_patroni_b get --print-value-only /service/pgha/leader
verdict other as etcd_patroni_b secret-etcd_patroni_b put /other x
verdict users as etcd_patroni_b secret-etcd_patroni_b user list
verdict anonymous etcdctl get /service/pgha/leader
verdict wrong-password as etcd_patroni_a x get /service/pgha/leader
verdict root env ETCDCTL_USER=root ETCDCTL_PASSWORD= etcdctl get /service/pgha/leader
verdict no-certificate curl --silent --show-error --cacert "$ETCDCTL_CACERT" https://etcd-1.prod.pgha.internal:2379/health
verdict members pgha-etcdctl member list
`);
    expect(output).toContain('own: OK');
    expect(output).toContain('read: pg-1');
    expect(output).toMatch(/other: .*permission denied/);
    expect(output).toMatch(/users: .*permission denied/);
    expect(output).toMatch(/anonymous: .*permission denied/);
    expect(output).toMatch(/wrong-password: .*invalid user ID or password/);
    expect(output).toMatch(/root: Error/);
    expect(output).toMatch(/no-certificate: .*(certificate required|alert)/);
    expect(output).toMatch(/members: .*started/);
    expect(code).toBe(0);
  });

  it('is set up the same after an interruption, and left alone by a second run', () => {
    root.write(environments());
    const { code, output } = root.run(`
rm -rf /root/data /root/ca
# a run that was cut off halfway: a user without its role and with another password
${start.replace(
  '/usr/local/sbin/pgha-etcd-auth',
  `until pgha-etcdctl auth status >/dev/null 2>&1; do sleep 0.2; done
printf stale | pgha-etcdctl user add etcd_patroni_a --interactive=false >/dev/null
pgha-etcdctl role add root >/dev/null
/usr/local/sbin/pgha-etcd-auth`,
)}
before=$(pgha-etcdctl auth status)
pgha-etcd-auth
[ "$before" = "$(pgha-etcdctl auth status)" ] && echo unchanged
${helpers}
as etcd_patroni_a secret-etcd_patroni_a put /service/x y`);
    expect(output).toContain('{"changed": []}');
    expect(output).toContain('unchanged');
    expect(output).toMatch(/OK\s*$/);
    expect(code).toBe(0);
  });

  it('takes each new password, also all of them at once after it was off through a rotation', () => {
    root.write(environments());
    const { code, output } = root.run(`
rm -rf /root/data /root/ca
${start}
${helpers}
printf new >/etc/pgha/secrets/etcd_patroni_b
pgha-etcd-auth
verdict old as etcd_patroni_b secret-etcd_patroni_b get /service/x
verdict new as etcd_patroni_b new put /service/x y
verdict other as etcd_patroni_a secret-etcd_patroni_a put /service/x y
# the login in use, by hand
printf changed >/etc/pgha/secrets/etcd_admin_a
pgha-etcd-auth
for login in etcd_admin_a etcd_admin_b etcd_patroni_a etcd_patroni_b; do printf "again-$login" >/etc/pgha/secrets/$login; done
echo etcd_admin_b >/etc/pgha/secrets/etcd_admin_login
pgha-etcd-auth
pgha-etcd-auth
verdict administrator pgha-etcdctl user list
stat -c %a /etc/pgha/secrets/etcd_accepted
rm /etc/pgha/secrets/etcd_accepted
for login in etcd_admin_a etcd_admin_b; do printf lost >/etc/pgha/secrets/$login; done
pgha-etcd-auth || echo "lost: $?"`);
    expect(output).toContain('{"changed": ["etcd_patroni_b"]}');
    expect(output).toMatch(/old: .*invalid user ID or password/);
    expect(output).toMatch(/new: OK/);
    expect(output).toMatch(/other: OK/);
    expect(output).toContain('{"changed": ["etcd_admin_a"]}');
    expect(output).toContain(
      '{"changed": ["etcd_admin_a", "etcd_admin_b", "etcd_patroni_a", "etcd_patroni_b"]}\n{"changed": []}',
    );
    expect(output).toContain('administrator: root');
    expect(output).toContain('\n600\n');
    expect(output).toContain('etcd accepts none of the administrator passwords');
    expect(output).toContain('lost: 1');
    expect(code).toBe(0);
  });
});

describe('monitoring', () => {
  const machine = machineNamed('monitoring-1');
  beforeAll(() => open(machine));
  afterAll(() => root.close());

  it('has a configuration that Prometheus accepts, rules included', () => {
    const { code, output } = root.run(`${certificates([machine.node])}
cp /root/ca/monitoring-1.crt /etc/pgha/tls/prometheus.crt; cp /root/ca/monitoring-1.key /etc/pgha/tls/prometheus.key
mkdir -p /etc/pgha/secrets; printf secret >/etc/pgha/secrets/grafana_admin
promtool check config --lint=all --lint-fatal /etc/prometheus/prometheus.yml`);
    expect(output).toMatch(/prometheus.yml is valid/);
    expect(code).toBe(0);
  });

  it('has pages that ask for TLS and a password', () => {
    const { code, output } = root.run(`
mkdir -p /run/pgha-pages
/usr/local/lib/pgha/pages admin /etc/pgha/secrets/grafana_admin /etc/pgha/tls/prometheus.crt /etc/pgha/tls/prometheus.key /run/pgha-pages/web.yml
stat -c %a /run/pgha-pages/web.yml
grep -c secret /run/pgha-pages/web.yml || true
promtool check web-config /run/pgha-pages/web.yml
ip link set lo up
. /etc/default/prometheus-alertmanager
mkdir -p /run/pgha-alertmanager; /usr/local/lib/pgha/account-config /etc/prometheus/alertmanager.template.yml /run/pgha-alertmanager/alertmanager.yml AWS_ACCOUNT_ID
prometheus-alertmanager $ARGS >/root/log 2>&1 &
until curl --silent --cacert /etc/pgha/tls/ca.crt -o /dev/null https://localhost:9093/; do sleep 0.1; done
curl --silent --cacert /etc/pgha/tls/ca.crt -o /dev/null -w 'without %{http_code}\\n' https://localhost:9093/api/v2/status
curl --silent --cacert /etc/pgha/tls/ca.crt -o /dev/null -w 'with %{http_code}\\n' -u admin:secret https://localhost:9093/api/v2/status
curl --silent -o /dev/null -w 'plain %{http_code}\\n' http://localhost:9093/api/v2/status || true
kill %1 2>/dev/null || kill $!`);
    expect(output.split('\n').slice(0, 2)).toEqual(['600', '0']);
    expect(output).toContain('without 401');
    expect(output).toContain('with 200');
    expect(output).toContain('plain 400');
    expect(code).toBe(0);
  });

  it('sends alerts to the account’s topic on AWS and to the pages alone in the lab', () => {
    const onAws = renderMachine(cluster, machine.node, aws);
    root.write(onAws.files.filter(({ path }) => path === '/etc/prometheus/alertmanager.template.yml'));
    const { code, output } = root.run(`
ip link set lo up; ip address add 169.254.169.254/32 dev lo
cat >/root/metadata.py <<'x'
import http.server
class Metadata(http.server.BaseHTTPRequestHandler):
    def answer(self, text):
        self.send_response(200); self.end_headers(); self.wfile.write(text)
    def do_PUT(self): self.answer(b"token")
    def do_GET(self):
        if self.headers.get("X-aws-ec2-metadata-token") != "token":
            return self.send_error(401)
        self.answer(b'{"accountId": "123456789012"}')
http.server.HTTPServer(("169.254.169.254", 80), Metadata).serve_forever()
x
python3 /root/metadata.py 2>/dev/null &
until curl --silent -o /dev/null http://169.254.169.254/; do sleep 0.1; done
/usr/local/lib/pgha/account-config /etc/prometheus/alertmanager.template.yml /root/alertmanager.yml AWS_ACCOUNT_ID
kill $!
amtool check-config /root/alertmanager.yml
grep topic_arn /root/alertmanager.yml
amtool config routes test --config.file=/root/alertmanager.yml severity=critical`);
    expect(output).toContain('topic_arn: arn:aws:sns:us-east-1:123456789012:pgha-prod-alerts');
    expect(output).toMatch(/sns\s*$/);
    expect(code).toBe(0);
  });
});
