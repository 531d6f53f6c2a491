import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineCluster, nodeNamed } from '../../src/cluster/index.ts';
import { renderMachine } from '../../src/machines/index.ts';
import { type DebianRoot, openDebianRoot, site } from './debian-root.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'] });
const machine = renderMachine(cluster, nodeNamed(cluster, 'etcd-1'), site);
const tools = ['curl', 'iproute2', 'python3-moto', 'python3-flask', 'python3-flask-cors'];

/** Parameter Store with every parameter of the machine, and one more that is not its business. */
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
for name in names:
    ssm.put_parameter(Name=name, Value=f"{sys.argv[1]} {name}", Type="SecureString", Overwrite=True)
x
python3 /root/put.py first
`;
const paths = machine.secrets.map(({ path }) => path);

describe('pgha-secrets', () => {
  let root: DebianRoot;
  beforeAll(() => {
    root = openDebianRoot([...new Set([...machine.packages, ...tools])].sort());
    root.write(machine.files);
  });
  afterAll(() => root.close());

  it('puts each secret where its owner alone reads it, and asks nobody at the next boot', () => {
    const { code, output } = root.run(`${parameterStore}
pgha-secrets ensure
kill $moto
stat -c '%a %U %n' ${paths.join(' ')}
cat /etc/pgha/secrets/etcd_root; echo
pgha-secrets ensure && echo booted
grep -rl 'prod/ca/key' /etc/pgha || echo 'the key of the CA is not here'`);
    for (const { path, mode, owner } of machine.secrets) {
      expect(output).toContain(`${mode.replace(/^0/, '')} ${owner} ${path}\n`);
    }
    expect(output).toContain('first /pgha/prod/passwords/etcd_root');
    expect(output).toContain('booted');
    expect(output).toContain('the key of the CA is not here');
    expect(code).toBe(0);
  });

  it('replaces what changed, whole, and names it without its value', () => {
    const { code, output } = root.run(`${parameterStore}
pgha-secrets fetch >/dev/null 2>&1 || true
inode=$(stat -c %i /etc/pgha/secrets/etcd_root)
python3 /root/put.py second
# systemd is not here: whether units are told is seen on a booted machine
printf '#!/bin/sh\\necho "$@" >>/root/told\\n' >/usr/local/bin/systemctl; chmod 755 /usr/local/bin/systemctl
pgha-secrets fetch
[ "$inode" != "$(stat -c %i /etc/pgha/secrets/etcd_root)" ] && echo replaced
cat /etc/pgha/secrets/etcd_root; echo
sort -u /root/told
pgha-secrets fetch
ls -A /etc/pgha/secrets | grep -c '^[.]pgha' || true`);
    expect(output).toContain('replaced');
    expect(output).toContain('second /pgha/prod/passwords/etcd_root');
    expect(output).toContain('try-restart etcd.service');
    expect(output).toContain('{"changed": [], "units": {}}');
    const report = JSON.parse(output.split('\n').find((line) => line.startsWith('{"changed": ["')) ?? '{}');
    expect([...report.changed].sort()).toEqual([...paths].sort());
    expect(JSON.stringify(report)).not.toContain('second');
    expect(code).toBe(0);
  });

  it('changes nothing and says which parameter is missing when one is', () => {
    const { code, output } = root.run(`${parameterStore}
before=$(cat ${paths.join(' ')} | sha256sum)
python3 - <<'x'
import boto3
ssm = boto3.client("ssm", endpoint_url="http://127.0.0.1:5000")
ssm.delete_parameter(Name="/pgha/prod/passwords/etcd_root")
x
sed -i 's/^FETCH_DEADLINE_SECONDS = .*/FETCH_DEADLINE_SECONDS = 3/' /usr/local/sbin/pgha-secrets
pgha-secrets fetch || echo "ended with $?"
[ "$before" = "$(cat ${paths.join(' ')} | sha256sum)" ] && echo untouched`);
    expect(output).toContain('has no /pgha/prod/passwords/etcd_root; run `pgha secrets init`');
    expect(output).toContain('ended with 1');
    expect(output).toContain('untouched');
    expect(code).toBe(0);
  });
});
