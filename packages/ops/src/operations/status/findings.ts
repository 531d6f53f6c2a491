import { type Cluster, regionsOf } from '@pgha/infra/cluster';
import { type Observation, toldOf } from '../../clients/observation.ts';
import type { RegionKnowledge } from '../../clients/region.ts';
import { archiveFindings } from './archive-findings.ts';
import { connectionFindings } from './connection-findings.ts';
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
import { repositoryFindings, restoreTestFindings } from './repository-findings.ts';
import { slotFindings } from './slot-findings.ts';
import { thresholdOf } from './thresholds.ts';
import { watchingFindings } from './watching-findings.ts';

/** Everything that needs a person, the gravest first. Pure. */
export function findAll(seen: ClusterObservation): readonly Finding[] {
  const regions = regionsOf(seen.cluster);
  return [
    ...primaryFindings(seen),
    ...seen.machines.flatMap(({ node, seen: machine }) => gateFindings(seen.cluster, node.name, machine)),
    ...regions.flatMap((region) => memberFindings(seen, region)),
    ...regions.flatMap((region) => portFindings(seen, region)),
    ...regions.flatMap((region) => healthFindings(seen, region)),
    ...regions.flatMap((region) => etcdFindings(seen, region)),
    ...durabilityFindings(seen),
    ...connectionFindings(seen),
    ...archiveFindings(seen),
    ...slotFindings(seen),
    ...holdersFindings(seen),
    ...repositoryFindings(seen),
    ...restoreTestFindings(seen),
    ...watchingFindings(seen),
    ...seen.machines.flatMap(({ node, problem }) =>
      problem === null
        ? []
        : [
            {
              what: `${node.name} cannot be asked: ${problem}`,
              remedy: /did not end within/.test(problem)
                ? `it is on and too slow, or hangs: run pgha status again; uptime and systemctl --failed on ${node.name}`
                : `start it; if it does not come back: pgha nodes replace ${node.name}`,
              alert: 'MachineDown',
            },
          ],
    ),
    ...seen.machines.flatMap(({ seen: machine }) => (machine === null ? [] : machineFindings(seen, machine))),
  ];
}

/** A machine whose server may not start: its region was given up, or cannot know. */
function gateFindings(cluster: Cluster, name: string, machine: Observation | null): readonly Finding[] {
  const region = toldOf(machine?.region);
  const gate = region?.gate ?? null;
  return gate === null || gate.open
    ? epochFindings(cluster, name, region)
    : [
        {
          what: `the gate of ${name} is closed: ${gate.reason}`,
          remedy: 'pgha dr status says what to do',
          alert: 'SecondRegionGateClosed',
        },
      ];
}

/** A member that cannot read the other region's epoch stays closed when its region starts cold. */
function epochFindings(cluster: Cluster, name: string, region: RegionKnowledge | null): readonly Finding[] {
  const heard = region?.seen.peerLast?.at;
  if (region === null || heard === undefined) return [];
  const age = region.seen.at - heard;
  if (!(age > thresholdOf(cluster, 'SecondRegionEpochUnread'))) return [];
  return [
    {
      what: `${name} has not read the other region's epoch for ${Math.round(age)} s`,
      remedy:
        'the peering, and port 2379 of the other region; until it is read, a region that starts cold stays closed',
      alert: 'SecondRegionEpochUnread',
    },
  ];
}

function machineFindings({ cluster }: ClusterObservation, machine: Observation): readonly Finding[] {
  const name = machine.machine;
  const now = Date.parse(machine.at);
  const soon = thresholdOf(cluster, 'CertificateEnds') * 1_000;
  const full = thresholdOf(cluster, 'DiskFilling');
  const ready = toldOf(machine.api)?.ready ?? {};
  return [
    ...partFindings(machine),
    ...(toldOf(machine.units)?.down ?? []).map((unit) => ({
      what: `${unit} of ${name} does not run`,
      remedy: `journalctl -u ${unit} on ${name}`,
    })),
    ...(toldOf(machine.units)?.failed ?? []).map((unit) => ({
      what: `${unit} of ${name} failed`,
      remedy: `journalctl -u ${unit} on ${name}`,
      alert: 'UnitFailed',
    })),
    ...(toldOf(machine.disks) ?? [])
      .filter((disk) => usedRatio(disk) > full)
      .map((disk) => ({
        what: `${disk.mount} of ${name} is ${Math.round(usedRatio(disk) * 100)} % full`,
        remedy: 'on a database machine look at pg_wal first; grow the volume',
        alert: usedRatio(disk) > thresholdOf(cluster, 'DiskAlmostFull') ? 'DiskAlmostFull' : 'DiskFilling',
      })),
    ...memoryFindings(cluster, machine),
    ...(toldOf(machine.certificates) ?? [])
      .filter(({ notAfter }) => Date.parse(notAfter) - now < soon)
      .map(({ path, notAfter }) => ({
        what: `${path} of ${name} ends on ${notAfter.slice(0, 10)}`,
        remedy: 'pgha certs renew',
        alert:
          Date.parse(notAfter) - now < thresholdOf(cluster, 'CertificateEndsWithinDays') * 1_000
            ? 'CertificateEndsWithinDays'
            : 'CertificateEnds',
      })),
    ...Object.entries(ready)
      .filter(([, state]) => state !== 'ready')
      .map(([service, state]) => ({
        what: `${service} on ${name} says ${state}`,
        remedy: `journalctl -u pgha-${service} on ${name}`,
        alert: service === 'api' ? 'WriteApiDown' : 'ReadApiDown',
      })),
    ...(machine.needsReboot
      ? [{ what: `${name} has updates that need a reboot`, remedy: `pgha nodes restart ${name} --reboot` }]
      : []),
  ];
}

function memoryFindings(cluster: Cluster, machine: Observation): readonly Finding[] {
  const memory = toldOf(machine.memory);
  const left = memory === null ? 1 : memory.availableBytes / memory.totalBytes;
  if (!(left < thresholdOf(cluster, 'MemoryShort'))) return [];
  return [
    {
      what: `${machine.machine} has ${Math.round(left * 100)} % of its memory left`,
      remedy: `systemd-cgtop -m on ${machine.machine} shows who has it; a larger instance type`,
      alert: 'MemoryShort',
    },
  ];
}
