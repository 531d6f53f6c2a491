import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allNodes, defineCluster, nodeNamed } from '../../src/cluster/index.ts';
import { artifacts, renderMachine, type Site } from '../../src/machines/index.ts';
import { site as bareSite, type DebianRoot, openDebianRoot } from './debian-root.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'] });
const site: Site = {
  ...bareSite,
  hosts: Object.fromEntries(allNodes(cluster).map(({ hostname, address }) => [hostname, address])),
};
const node = nodeNamed(cluster, 'api-1');
const machine = renderMachine(cluster, node, site);
const tools = ['curl', 'dbus', 'iproute2', 'openssl', 'python3-moto', 'systemd-sysv'];

/** A service as small as the contract allows: the socket it is handed, TLS from its credentials, and an end on SIGTERM. */
const service = `
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
const { TLS_CERT_FILE, TLS_KEY_FILE, DB_USER, DB_PASSWORD_FILE, LISTEN_PID } = process.env;
if (Number(LISTEN_PID) !== process.pid) throw new Error('the socket is not ours');
const password = readFileSync(DB_PASSWORD_FILE!, 'utf8');
const tls = { cert: readFileSync(TLS_CERT_FILE!), key: readFileSync(TLS_KEY_FILE!) };
const server = createServer(tls, (request, response) => {
  response.setHeader('connection', 'close');
  setTimeout(() => response.end(JSON.stringify({ version: 'VERSION', login: DB_USER, password })), 10);
});
server.listen({ fd: 3 });
process.on('SIGTERM', () => server.close(() => process.exit(0)));
`;

/** Asks both services without a pause, until a file says stop; prints what it saw. */
const client = `
import { existsSync } from 'node:fs';
import { get } from 'node:https';
const seen = {}, failures = [];
let requests = 0;
const ask = (port) => new Promise((resolve) => {
  get({ host: '${node.hostname}', port, path: '/', ca: process.argv[2], agent: false }, (answer) => {
    let text = '';
    answer.on('data', (chunk) => { text += chunk; });
    answer.on('end', () => { requests += 1; const { version } = JSON.parse(text); seen[version] = (seen[version] ?? 0) + 1; resolve(); });
  }).on('error', (error) => { failures.push(error.message); resolve(); });
});
const worker = async (port) => { while (!existsSync('/root/stop')) await ask(port); };
await Promise.all([8000, 8001, 8000, 8001].map(worker));
console.log(JSON.stringify({ requests, seen, failures }));
`;

const prepare = `
ip link set lo up; ip address add ${node.address}/32 dev lo
mkdir -p /etc/pgha/tls /etc/pgha/secrets
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=x -addext subjectAltName=DNS:${node.hostname} -keyout /etc/pgha/tls/root.key -out /etc/pgha/tls/root.crt 2>/dev/null
cp /etc/pgha/tls/root.crt /etc/pgha/tls/ca.crt
chmod 0600 /etc/pgha/tls/root.key
for login in app readonly; do
  printf %s_a $login >/etc/pgha/secrets/\${login}_login
  printf secret-%s_a $login >/etc/pgha/secrets/\${login}_a
  printf secret-%s_b $login >/etc/pgha/secrets/\${login}_b
done
printf key >/etc/pgha/secrets/api_keys
chmod 0600 /etc/pgha/secrets/*

export AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=us-east-1
moto_server -H 127.0.0.1 -p 5000 >/root/moto.log 2>&1 &
moto=$!
until curl --silent --fail -o /dev/null http://127.0.0.1:5000/moto-api/; do sleep 0.2; done
release() {
  rm -rf /root/release; mkdir -p /root/release/bin /root/release/apps/api/src /root/release/apps/read-api/src
  cp /root/node /root/release/bin/node; chmod 755 /root/release/bin/node
  sed "s/VERSION/$1/" /root/service.ts >/root/release/apps/read-api/src/main.ts
  sed "s/VERSION/$1/" /root/service.ts >/root/release/apps/api/src/main.ts
  [ -z "$2" ] || echo "$2" >/root/release/apps/read-api/src/main.ts
  tar --zstd -cf "/root/$1.tar.zst" -C /root/release .
  sha256sum "/root/$1.tar.zst" >"/root/$1.tar.zst.sha256"
}
release one ''
release two ''
release broken 'process.exit(1)'
cat >/root/upload.py <<'x'
import boto3
s3 = boto3.client("s3", endpoint_url="http://127.0.0.1:5000")
s3.create_bucket(Bucket="artifacts")
for version in ("one", "two", "broken"):
    for suffix in ("", ".sha256"):
        s3.upload_file(f"/root/{version}.tar.zst{suffix}", "artifacts", f"${artifacts.prefix}{version}.tar.zst{suffix}")
s3.upload_file("/root/one.tar.zst", "artifacts", "${artifacts.prefix}torn.tar.zst")
s3.upload_file("/root/two.tar.zst.sha256", "artifacts", "${artifacts.prefix}torn.tar.zst.sha256")
s3.put_object(Bucket="artifacts", Key="${artifacts.pointerKey}", Body=b"one\\n")
x
python3 /root/upload.py
systemctl daemon-reload
`;

describe('the API machine', () => {
  let root: DebianRoot;
  beforeAll(() => {
    root = openDebianRoot([...new Set([...machine.packages, ...tools])].sort());
    root.write(machine.files);
    root.write([
      { path: '/root/service.ts', content: service, mode: '0644' },
      {
        path: '/root/client.mjs',
        content: client
          .replace('process.argv[2]', 'readFileSync("/etc/pgha/tls/ca.crt")')
          .replace('import { existsSync }', 'import { existsSync, readFileSync }'),
        mode: '0644',
      },
    ]);
    root.copy(process.execPath, '/root/node');
  });
  afterAll(() => root.close());

  it('deploys, refuses a broken release and goes back, and fails no request meanwhile', () => {
    const { code, output } = root.boot(`${prepare}
pgha-deploy --first
systemctl start pgha-api.socket pgha-read-api.socket pgha-api.service pgha-read-api.service
chmod 755 /root/node
/root/node /root/client.mjs >/root/client.json 2>&1 &
client=$!
until curl --silent --cacert /etc/pgha/tls/ca.crt https://${node.hostname}:8000/health; do sleep 0.1; done; echo
pgha-deploy two
pgha-deploy broken || echo "refused with $?"
pgha-deploy torn || echo "refused with $?"
pgha-deploy --rollback
# without the bucket: what is here is enough
kill $moto
pgha-deploy two
pgha-deploy --status
touch /root/stop; wait $client
echo "client $(cat /root/client.json)"
echo "user $(systemctl show --value --property=User pgha-api.service) $(stat -c %u /proc/$(systemctl show --value --property=MainPID pgha-api.service))"
echo "exposure $(systemd-analyze security --no-pager pgha-api.service | tail -n 1)"
tr '\\0' '\\n' </proc/$(systemctl show --value --property=MainPID pgha-api.service)/environ | grep -c secret- || true
ls /opt/pgha/releases`);
    expect(output).toContain('{"version":"one","login":"app_a","password":"secret-app_a"}');
    expect(output).toContain('pgha-read-api.service does not serve broken; rolling back to two');
    expect(output).toContain('pgha-read-api.service does not serve broken; two runs again');
    expect(output).toMatch(/torn.tar.zst has the SHA-256 .* upload it again/);
    expect(output).toContain('{"current": "two", "previous": "one", "releases": ["broken", "one", "two"]}');
    const seen = JSON.parse(/^client (.*)$/m.exec(output)?.[1] ?? '{}');
    expect(seen.failures).toEqual([]);
    expect(seen.requests).toBeGreaterThan(200);
    expect(Object.keys(seen.seen).sort()).toEqual(expect.arrayContaining(['one', 'two']));
    // a user that exists only while the service runs (systemd.exec(5), DynamicUser)
    const uid = Number(/^user pgha-api (\d+)$/m.exec(output)?.[1]);
    expect(uid).toBeGreaterThanOrEqual(61_184);
    expect(Number(/exposure .*: ([\d.]+)/.exec(output)?.[1])).toBeLessThan(2);
    expect(code).toBe(0);
  });
});
