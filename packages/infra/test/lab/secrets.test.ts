import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineCluster, nodeNamed } from '../../src/cluster/index.ts';
import { renderMachine } from '../../src/machines/index.ts';
import { type DebianRoot, openDebianRoot, site } from './debian-root.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'] });
const machine = renderMachine(cluster, nodeNamed(cluster, 'etcd-1'), site);
const tools = ['curl', 'iproute2', 'python3-moto', 'python3-flask', 'python3-flask-cors'];

/**
 * Parameter Store with every parameter of the machine, and one more that is not its business; `put WORD` replaces all of them
 * with others: another CA, which signs another certificate for another key.
 */
const parameterStore = `
ip link set lo up
export AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=us-east-1
moto_server -H 127.0.0.1 -p 5000 >/root/moto.log 2>&1 &
moto=$!
until curl --silent --fail -o /dev/null http://127.0.0.1:5000/moto-api/; do sleep 0.2; done
cat >/root/put.py <<'x'
import boto3, json, sys
ssm = boto3.client("ssm", endpoint_url="http://127.0.0.1:5000")
names = {entry["parameter"] for entry in json.load(open("/etc/pgha/secrets.json"))["files"]} | {"/pgha/prod/ca/key"}
pem = {"ca/certificate": "ca.crt", "etcd-1/certificate": "etcd.crt", "etcd-1/key": "etcd.key"}
for name in names:
    file = next((file for end, file in pem.items() if name.endswith(end)), None)
    value = f"{sys.argv[1]}-{name}" if file is None else open(f"/root/{file}").read()
    ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
x
cat >/root/change.py <<'x'
import boto3, sys
boto3.client("ssm", endpoint_url="http://127.0.0.1:5000").put_parameter(
    Name=sys.argv[1], Value=sys.argv[2], Type="SecureString", Overwrite=True)
x
key() { openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }
put() {
  key /root/ca.key; key /root/etcd.key
  openssl req -x509 -key /root/ca.key -subj "/CN=$1" -days 2 -out /root/ca.crt
  openssl req -new -key /root/etcd.key -subj /CN=etcd | openssl x509 -req -CA /root/ca.crt -CAkey /root/ca.key -days 2 -out /root/etcd.crt 2>/dev/null
  python3 /root/put.py "$1"
}
# systemd is not here: whether units are told is seen on a booted machine
printf '#!/bin/sh\\necho "$@" >>/root/told\\n' >/usr/local/bin/systemctl; chmod 755 /usr/local/bin/systemctl
quickly() { sed -i 's/^FETCH_DEADLINE_SECONDS = .*/FETCH_DEADLINE_SECONDS = 2/' /usr/local/sbin/pgha-secrets; }
slowly() { sed -i 's/^FETCH_DEADLINE_SECONDS = .*/FETCH_DEADLINE_SECONDS = 60/' /usr/local/sbin/pgha-secrets; }
digest() { cat ${machine.secrets.map(({ path }) => path).join(' ')} | sha256sum; }
rm -rf /root/told /run/pgha-secrets
slowly
put first
`;
const paths = machine.secrets.map(({ path }) => path);

describe('pgha-secrets', () => {
  let root: DebianRoot;
  beforeAll(() => {
    root = openDebianRoot([...new Set([...machine.packages, ...tools])].sort());
    root.write(machine.files);
  });
  afterAll(() => root.close());

  it('puts each secret where its owner alone reads it, and asks nobody as long as none is missing', () => {
    const { code, output } = root.run(`${parameterStore}
pgha-secrets ensure
kill $moto
stat -c '%a %U %n' ${paths.join(' ')}
cat /etc/pgha/secrets/etcd_admin_a; echo
pgha-secrets ensure && echo ensured
grep -rl 'prod/ca/key' /etc/pgha || echo 'the key of the CA is not here'`);
    for (const { path, mode, owner } of machine.secrets) {
      expect(output).toContain(`${mode.replace(/^0/, '')} ${owner} ${path}\n`);
    }
    expect(output).toContain('first-/pgha/prod/passwords/etcd_admin_a');
    expect(output).toContain('ensured');
    expect(output).toContain('the key of the CA is not here');
    expect(code).toBe(0);
  });

  it('replaces what changed, whole, and names it without its value', () => {
    const { code, output } = root.run(`${parameterStore}
pgha-secrets fetch >/dev/null
inode=$(stat -c %i /etc/pgha/secrets/etcd_admin_a)
put second
pgha-secrets fetch
[ "$inode" != "$(stat -c %i /etc/pgha/secrets/etcd_admin_a)" ] && echo replaced
cat /etc/pgha/secrets/etcd_admin_a; echo
sort -u /root/told
pgha-secrets fetch
ls -A /etc/pgha/secrets /etc/pgha/tls | grep -c '^[.]pgha' || true`);
    expect(output).toContain('replaced');
    expect(output).toContain('second-/pgha/prod/passwords/etcd_admin_a');
    expect(output).toContain('try-restart etcd.service');
    expect(output).toContain('{"changed": [], "units": {}}');
    const report = JSON.parse(output.split('\n').find((line) => line.startsWith('{"changed": ["')) ?? '{}');
    expect([...report.changed].sort()).toEqual([...paths].sort());
    expect(JSON.stringify(report)).not.toContain('second');
    expect(output).toMatch(/\n0\s*$/);
    expect(code).toBe(0);
  });

  it('tells the units whose files a run changed that was killed before it told them', () => {
    const { code, output } = root.run(`${parameterStore}
pgha-secrets fetch >/dev/null
put second
printf '#!/bin/sh\nkill -9 $PPID\n' >/usr/local/bin/systemctl
pgha-secrets fetch >/dev/null 2>&1 || echo "killed: $?"
printf '#!/bin/sh\necho "told $@"\n' >/usr/local/bin/systemctl
pgha-secrets fetch
pgha-secrets fetch`);
    expect(output).toContain('killed: 137');
    expect(output).toContain('told try-restart etcd.service\n');
    expect(output).toMatch(/\{"changed": \[\], "units": \{"etcd.service": "restart"/);
    expect(output).toMatch(/\{"changed": \[\], "units": \{\}\}\s*$/);
    expect(code).toBe(0);
  });

  it.each([
    ['a parameter that is not there', 'remove', 'has no /pgha/prod/passwords/etcd_admin_a; run `pgha secrets init`'],
    [
      'a value that would need quoting',
      "change /pgha/prod/passwords/etcd_admin_a 'two\"words'",
      'holds a character outside',
    ],
    [
      'a certificate of another key',
      'key /root/other; change /pgha/prod/machines/etcd-1/key "$(cat /root/other)"',
      'does not belong to its key',
    ],
    [
      'a certificate of a CA that the machine would not trust',
      'key /root/other; change /pgha/prod/ca/certificate "$(openssl req -x509 -key /root/other -subj /CN=x)"',
      'was signed by none of the CAs',
    ],
  ])('changes nothing and says why at %s', (_, damage, reason) => {
    const { code, output } = root.run(`${parameterStore}
pgha-secrets fetch >/dev/null
put second
change() { python3 /root/change.py "$@"; }
remove() { python3 -c 'import boto3; boto3.client("ssm", endpoint_url="http://127.0.0.1:5000").delete_parameter(Name="/pgha/prod/passwords/etcd_admin_a")'; }
before=$(digest); rm -f /root/told
${damage}
quickly
pgha-secrets fetch || echo "ended with $?"
[ "$before" = "$(digest)" ] && echo untouched
[ -e /root/told ] || echo 'nobody was told'
ls -A /etc/pgha/secrets /etc/pgha/tls | grep -c '^[.]pgha' || true`);
    expect(output).toContain(reason);
    expect(output).toContain('ended with 1');
    expect(output).toContain('untouched');
    expect(output).toContain('nobody was told');
    expect(output).toMatch(/\n0\s*$/);
    expect(code).toBe(0);
  });

  it('brings a machine up to date at a boot, and lets it start with what it has when nobody answers', () => {
    const { code, output } = root.run(`${parameterStore}
pgha-secrets fetch >/dev/null
put second
pgha-secrets boot
cat /etc/pgha/secrets/etcd_admin_a; echo
[ -e /run/pgha-secrets/stale ] || echo fresh
put third
kill -STOP $moto
before=$(digest) begin=$(date +%s)
pgha-secrets boot && echo "started after $(($(date +%s) - begin)) s"
[ "$before" = "$(digest)" ] && [ -e /run/pgha-secrets/stale ] && echo stale
kill -CONT $moto
pgha-secrets fetch >/dev/null
cat /etc/pgha/secrets/etcd_admin_a; echo
[ -e /run/pgha-secrets/stale ] || echo fresh again`);
    expect(output).toContain('changed while this node was stopped: ');
    expect(output).toContain('second-/pgha/prod/passwords/etcd_admin_a\nfresh\n');
    expect(output).toContain('starting with the local copies of the secrets, and retrying later');
    expect(output).toMatch(/started after [4-9] s\nstale\n/);
    expect(output).toContain('third-/pgha/prod/passwords/etcd_admin_a\nfresh again\n');
    expect(code).toBe(0);
  });
});
