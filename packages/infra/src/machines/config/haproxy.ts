import { type Cluster, membersOf, type Node, ports, regionOf } from '../../cluster/index.ts';
import { type MachinePart, machineFile, type UnitAction } from '../machine.ts';
import { caFile, machineCertificate, tlsFilesOf } from '../tls.ts';
import { confined } from './confinement.ts';

/** The router's own word on itself and on the primary, for the guard and the node check on the same machine. */
export const routerStatusPort = 8405;

/** Where the router answers root about itself. */
export const routerSocket = '/run/haproxy/admin.sock';

/** A replica that is further behind gets no readers. */
export const readableLagMib = 64;

const unit = 'haproxy.service';
const reload: readonly UnitAction[] = [{ unit, action: 'reload' }];

/** The router: on every database node, it sends connections to the server that is the primary right now. */
export function router(cluster: Cluster, node: Node): MachinePart {
  return {
    packages: ['haproxy'],
    files: [
      machineFile('/etc/haproxy/haproxy.cfg', renderHaproxyCfg(cluster, node), { onChange: reload }),
      machineFile('/etc/systemd/system/haproxy.service.d/pgha.conf', dropIn),
    ],
    secrets: machineCertificate(cluster, node, 'haproxy', reload),
    units: [{ unit, state: 'started' }],
    listens: [
      { port: ports.routerPrimary, purpose: 'to the primary', from: ['load-balancer'] },
      { port: ports.routerReplica, purpose: 'to a replica', from: ['load-balancer'] },
      {
        port: ports.haproxyMetrics,
        purpose: 'HAProxy metrics',
        from: ['monitoring'],
        speaks: 'tls',
        asksClients: true,
      },
    ],
  };
}

/**
 * `haproxy.cfg` of HAProxy 3.0.
 *
 * A server is the primary when its Patroni holds the leader key: checked every second, twice in half a second once it is in
 * doubt, and its sessions are cut when it no longer is, so that nobody keeps talking to a former primary.
 */
function renderHaproxyCfg(cluster: Cluster, node: Node): string {
  const members = membersOf(regionOf(cluster, node));
  const { certificate } = tlsFilesOf('haproxy');
  const servers = members
    .map(
      ({ name, hostname, address }) =>
        // By address: a resolver that is away must not keep the router from starting. The certificate still proves the name.
        `  server ${name} ${address}:${ports.postgres} check-sni ${hostname} verifyhost ${hostname}`,
    )
    .join('\n');
  const checks = `  option httpchk
  default-server check port ${ports.patroni} check-ssl verify required ca-file ${caFile} inter 1s fastinter 300ms downinter 500ms rise 1 fall 2 on-marked-down shutdown-sessions`;

  return `global
  log stdout format raw local0 notice
  maxconn 4000
  stats socket ${routerSocket} mode 600 level admin
  # the key is in the same folder as the certificate, under its own name
  ssl-load-extra-del-ext
  ssl-load-extra-files key
  ssl-default-bind-options ssl-min-ver TLSv1.3
  # the old process leaves at the latest then, whatever session it still holds
  hard-stop-after 30m

defaults
  log global
  mode tcp
  option dontlognull
  option log-health-checks
  option clitcpka
  option srvtcpka
  # a machine that is gone is noticed as quickly by its sessions as by its checks
  clitcpka-idle 10s
  clitcpka-intvl 3s
  clitcpka-cnt 3
  srvtcpka-idle 10s
  srvtcpka-intvl 3s
  srvtcpka-cnt 3
  # briefly both the old and the new primary pass: a connection that the old one refuses goes to the new one at once
  retries 3
  option redispatch 1
  timeout connect 2s
  timeout check 1s
  timeout queue 5s
  # sessions may be idle as long as a pool keeps them; keepalives find the dead ones
  timeout client 24h
  timeout server 24h

frontend primary
  bind :${ports.routerPrimary}
  default_backend primary

frontend replica
  bind :${ports.routerReplica}
  use_backend replica if { nbsrv(replica) gt 0 }
  # no replica: whoever can be read from
  default_backend readable

backend primary
${checks}
  http-check send meth OPTIONS uri /primary
  http-check expect status 200
${servers}

backend replica
  balance leastconn
${checks}
  http-check send meth OPTIONS uri /replica?lag=${readableLagMib}MB
  http-check expect status 200
${servers}

backend readable
${checks}
  http-check send meth OPTIONS uri /read-only
  http-check expect status 200
${servers}

# for the programs of this node: is HAProxy running, has it a primary
frontend status
  bind 127.0.0.1:${routerStatusPort}
  mode http
  option dontlog-normal
  timeout client 5s
  http-request return status 200 content-type text/plain string alive if { path /alive }
  http-request return status 200 content-type text/plain string primary if { path /primary } { nbsrv(primary) gt 0 }
  http-request return status 503 content-type text/plain string none

frontend metrics
  bind :${ports.haproxyMetrics} ssl crt ${certificate} ca-file ${caFile} verify required
  mode http
  option dontlog-normal
  timeout client 10s
  http-request use-service prometheus-exporter if { path /metrics }
  http-request return status 404
`;
}

const dropIn = `[Unit]
After=pgha-secrets.service
StartLimitIntervalSec=0

[Service]
RestartSec=1
RuntimeDirectory=haproxy
LimitNOFILE=16384
OOMScoreAdjust=-500
${confined}
ReadWritePaths=/run /var/lib/haproxy
`;
