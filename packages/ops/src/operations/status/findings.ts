import { type Cluster, regionsOf } from '@pgha/infra/cluster';
import { type Observation, toldOf } from '../../clients/observation.ts';
import type { RegionKnowledge } from '../../clients/region.ts';
import { archiveFindings } from './archive-findings.ts';
import { connectionFindings } from './connection-findings.ts';
import { diskFindings, isPrimaryDisk } from './disk-findings.ts';
import { durabilityFindings } from './durability-findings.ts';
import { etcdFindings } from './etcd-findings.ts';
import { usedRatio } from './figures.ts';
import type { Finding } from './finding.ts';
import { healthFindings, portFindings } from './health-findings.ts';
import { holdersFindings } from './holders-findings.ts';
import { memberFindings } from './member-findings.ts';
import type { ClusterObservation } from './observe.ts';
import { partFindings } from './part-findings.ts';
import { primaryFindings } from './primary-findings.ts';
import { deletionFindings, repositoryFindings, restoreTestFindings } from './repository-findings.ts';
import { slotFindings } from './slot-findings.ts';
import { thresholdOf } from './thresholds.ts';
import { watchingFindings } from './watching-findings.ts';

/** All open issues of a cluster. Pure. */
export function findAll(seen: ClusterObservation): readonly Finding[] {
  const regions = regionsOf(seen.cluster);
  return [
    ...primaryFindings(seen),
    ...seen.machines.flatMap(({ node, seen: machine }) => gateFindings(seen.cluster, node.name, machine)),
    ...regions.flatMap((region) => memberFindings(seen, region)),
    ...regions.flatMap((region) => portFindings(seen, region)),
    ...regions.flatMap((region) => healthFindings(seen, region)),
    ...regions.flatMap((region) => etcdFindings(seen, region)),
    ...diskFindings(seen),
    ...durabilityFindings(seen),
    ...connectionFindings(seen),
    ...archiveFindings(seen),
    ...slotFindings(seen),
    ...holdersFindings(seen),
    ...repositoryFindings(seen),
    ...deletionFindings(seen),
    ...restoreTestFindings(seen),
    ...watchingFindings(seen),
    ...seen.machines.flatMap(({ node, problem }) =>
      problem === null
        ? []
        : [
            {
              what: `${node.name}: unreachable: ${problem}`,
              remedy: /did not end within/.test(problem)
                ? `it is running but overloaded or hanging: run pgha status again; on ${node.name}: uptime, systemctl --failed`
                : `start it. If it does not recover: pgha nodes replace ${node.name}`,
              alert: 'NodeDown',
            },
          ],
    ),
    ...seen.machines.flatMap(({ seen: machine }) => (machine === null ? [] : machineFindings(seen, machine))),
  ];
}

/** A node whose server may not start: its region was failed over from, or cannot know. */
function gateFindings(cluster: Cluster, name: string, machine: Observation | null): readonly Finding[] {
  const region = toldOf(machine?.region);
  const gate = region?.gate ?? null;
  return gate === null || gate.open
    ? epochFindings(cluster, name, region)
    : [
        {
          what: `${name}: startup is blocked (startup gate closed): ${gate.reason}`,
          remedy: 'pgha dr status shows the remedy',
          alert: 'DrStartupBlocked',
        },
      ];
}

/** A member that cannot read the other region's epoch stays closed when its region starts cold. */
function epochFindings(cluster: Cluster, name: string, region: RegionKnowledge | null): readonly Finding[] {
  const heard = region?.seen.peerLast?.at;
  if (region === null || heard === undefined) return [];
  const age = region.seen.at - heard;
  if (!(age > thresholdOf(cluster, 'DrPeerEpochUnknown'))) return [];
  return [
    {
      what: `${name}: the region epoch of the peer region has not been readable for ${Math.round(age)} s`,
      remedy:
        'check the VPC peering connection and port 2379 of the peer region; until then a region that is restarted as a whole cannot start',
      alert: 'DrPeerEpochUnknown',
    },
  ];
}

function machineFindings({ cluster }: ClusterObservation, machine: Observation): readonly Finding[] {
  const name = machine.machine;
  const now = Date.parse(machine.at);
  const soon = thresholdOf(cluster, 'CertificateExpiring') * 1_000;
  const full = thresholdOf(cluster, 'DiskSpaceLow');
  const ready = toldOf(machine.api)?.ready ?? {};
  return [
    ...partFindings(machine),
    ...(toldOf(machine.units)?.down ?? []).map((unit) => ({
      what: `${name}: ${unit} is not running`,
      remedy: `check the log: journalctl -u ${unit} (on ${name})`,
    })),
    ...(toldOf(machine.units)?.failed ?? []).map((unit) => ({
      what: `${name}: ${unit} failed`,
      remedy: `check the log: journalctl -u ${unit} (on ${name})`,
      alert: 'SystemdUnitFailed',
    })),
    ...(toldOf(machine.disks) ?? [])
      .filter((disk) => usedRatio(disk) > full && !isPrimaryDisk(cluster, machine, disk))
      .map((disk) => ({
        what: `${name}: ${disk.mount} is ${Math.round(usedRatio(disk) * 100)} % full (threshold ${Math.round(full * 100)} %)`,
        remedy: 'check the size of pg_wal, then enlarge the data volume',
        alert: usedRatio(disk) > thresholdOf(cluster, 'DiskSpaceCritical') ? 'DiskSpaceCritical' : 'DiskSpaceLow',
      })),
    ...memoryFindings(cluster, machine),
    ...(toldOf(machine.certificates) ?? [])
      .filter(({ notAfter }) => Date.parse(notAfter) - now < soon)
      .map(({ path, notAfter }) => ({
        what: `${name}: certificate ${path} expires on ${notAfter.slice(0, 10)}`,
        remedy: 'pgha certs renew',
        alert:
          Date.parse(notAfter) - now < thresholdOf(cluster, 'CertificateExpiringCritical') * 1_000
            ? 'CertificateExpiringCritical'
            : 'CertificateExpiring',
      })),
    ...Object.entries(ready)
      .filter(([, state]) => state !== 'ready')
      .map(([service, state]) => ({
        what: `${name}: ${service} is not ready: ${state}`,
        remedy: `check the log: journalctl -u pgha-${service} (on ${name})`,
        alert: service === 'api' ? 'WriteApiDown' : 'ReadApiDown',
      })),
    ...(machine.needsReboot
      ? [{ what: `${name}: installed updates require a reboot`, remedy: `pgha nodes restart ${name} --reboot` }]
      : []),
  ];
}

function memoryFindings(cluster: Cluster, machine: Observation): readonly Finding[] {
  const memory = toldOf(machine.memory);
  const left = memory === null ? 1 : memory.availableBytes / memory.totalBytes;
  if (!(left < thresholdOf(cluster, 'MemoryLow'))) return [];
  return [
    {
      what: `${machine.machine}: ${Math.round(left * 100)} % of memory available`,
      remedy: `on ${machine.machine}: systemd-cgtop -m shows the largest consumers; use a larger instance type if they are legitimate`,
      alert: 'MemoryLow',
    },
  ];
}
