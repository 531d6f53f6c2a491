import { type Cluster, regionsOf, rolePath } from '@pgha/infra/cluster';
import { awsAddresses } from './addresses.ts';

/** A file of a machine that no role renders, or a symbolic link. */
export type PlainFile = { path: string; content: string; mode: number } | { path: string; target: string };

/** What the stand-in is made of. */
export interface AwsFront {
  /** The addresses its endpoints answer on. */
  addresses: readonly string[];
  /** PEM, the certificate first. */
  certificateAndKey: string;
  cluster: Cluster;
}

const motoPort = 5000;
const frontUnit = 'pgha-aws-front.service';
const motoUnit = 'pgha-aws-moto.service';
/** Whose role a request was signed with: every machine has the same keys here, and the front knows its region. */
const principalHeader = 'x-lab-principal';

/** moto takes a bucket policy's statement for everybody's, whatever its condition says: a region that is shut out would shut out all. */
const motoProgram = `import fnmatch
import sys

from flask import request
from moto.iam import access_control
from moto.server import main

plain = access_control.IAMPolicyStatement.is_action_permitted


def is_action_permitted(self, action, resource="*"):
    wanted = self._statement.get("Condition", {}).get("ArnLike", {}).get("aws:PrincipalArn")
    if wanted is not None and not fnmatch.fnmatchcase(request.headers.get("${principalHeader}", ""), wanted):
        return access_control.PermissionResult.NEUTRAL
    return plain(self, action, resource)


access_control.IAMPolicyStatement.is_action_permitted = is_action_permitted
main(sys.argv[1:])
`;

/** The files of the machine that stands for AWS; its units start with the machine, without waiting for cloud-init. */
export function renderAwsFiles(front: AwsFront): readonly PlainFile[] {
  const unit = (name: string, content: string): readonly PlainFile[] => [
    { path: `etc/systemd/system/${name}`, content, mode: 0o644 },
    { path: `etc/systemd/system/multi-user.target.wants/${name}`, target: `../${name}` },
  ];
  return [
    { path: 'etc/pgha-aws/front.pem', content: front.certificateAndKey, mode: 0o600 },
    { path: 'etc/pgha-aws/front.cfg', content: renderFront(front), mode: 0o644 },
    { path: 'etc/pgha-aws/stand-in.py', content: motoProgram, mode: 0o644 },
    ...unit(motoUnit, renderMotoUnit()),
    ...unit(frontUnit, renderFrontUnit()),
  ];
}

/**
 * moto's own TLS server drops connections without a close notify, which pgBackRest refuses; HAProxy ends them properly.
 * The metadata service is answered here: IMDSv2 only, as the machines' launch options require on EC2.
 */
function renderFront({ addresses, cluster }: AwsFront): string {
  const region = regionsOf(cluster)
    .map(({ cidr, awsRegion }) => `  http-request set-var(txn.region) str(${awsRegion}) if { src ${cidr} }`)
    .join('\n');
  // any of the region's roles: which one it is makes no difference to a policy of a whole region
  const principal = regionsOf(cluster)
    .map(
      (each) =>
        `  http-request set-header ${principalHeader} arn:aws:iam::123456789012:role${rolePath(cluster, each)}any if { src ${each.cidr} }`,
    )
    .join('\n');
  const text = (path: string, value: string) =>
    `  http-request return status 200 content-type text/plain lf-string "${value}" if { path ${path} }`;
  // the role's name with and without the slash: programs ask both ways
  const role = '/latest/meta-data/iam/security-credentials';
  const credentials =
    '{\\"Code\\":\\"Success\\",\\"Type\\":\\"AWS-HMAC\\",\\"AccessKeyId\\":\\"lab\\",\\"SecretAccessKey\\":\\"lab\\",\\"Token\\":\\"lab\\",' +
    '\\"LastUpdated\\":\\"%[date,utime(%Y-%m-%dT%H:%M:%SZ)]\\",\\"Expiration\\":\\"%[date(21600),utime(%Y-%m-%dT%H:%M:%SZ)]\\"}';
  return `global
  maxconn 2000
defaults
  mode http
  timeout connect 5s
  # moto answers a large upload only after it has stored it
  timeout client 120s
  timeout server 120s
  timeout http-keep-alive 10s
frontend endpoints
${addresses.map((address) => `  bind ${address}:443 ssl crt /etc/pgha-aws/front.pem alpn http/1.1`).join('\n')}
  http-request del-header ${principalHeader}
${principal}
  default_backend moto
backend moto
  # no request is refused before moto has started
  retries 3
  server moto 127.0.0.1:${motoPort}
frontend metadata
  bind ${awsAddresses.metadata}:80
${region}
  acl asks_token path /latest/api/token
  http-request return status 200 content-type text/plain string "lab-metadata-token" if asks_token METH_PUT
  http-request deny deny_status 401 unless { req.hdr(x-aws-ec2-metadata-token) lab-metadata-token }
${text(`${role} ${role}/`, 'pgha-lab')}
  http-request return status 200 content-type application/json lf-string "${credentials}" if { path ${role}/pgha-lab }
${text('/latest/meta-data/placement/region', '%[var(txn.region)]')}
${text('/latest/dynamic/instance-identity/document', '{\\"region\\":\\"%[var(txn.region)]\\"}')}
  http-request deny deny_status 404
`;
}

function renderMotoUnit(): string {
  return `[Unit]
Description=moto, the AWS stand-in
[Service]
ExecStart=/usr/bin/python3 /etc/pgha-aws/stand-in.py -H 127.0.0.1 -p ${motoPort}
# names and small objects are in its memory, and gone with it: it must be the last to be killed
OOMScoreAdjust=-900
# objects of a megabyte and more are on its disk; what is in /tmp counts as memory
Environment=MOTO_S3_DEFAULT_KEY_BUFFER_SIZE=1000000 TMPDIR=/var/tmp
# every other machine waits for it at its first boot
Nice=-10
LimitNOFILE=65536
Restart=always
StandardOutput=null
# werkzeug's line a request would fill the journal
StandardError=null
`;
}

function renderFrontUnit(): string {
  return `[Unit]
Description=TLS in front of the AWS stand-in, and the instance metadata service
# the addresses may come after it
StartLimitIntervalSec=0
After=network-online.target
Wants=network-online.target
[Service]
ExecStart=/usr/sbin/haproxy -W -db -f /etc/pgha-aws/front.cfg
Nice=-10
Restart=always
RestartSec=200ms
`;
}
