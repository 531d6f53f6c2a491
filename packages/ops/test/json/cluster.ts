import type { Verdict } from '../../src/chaos/checker.ts';
import type { ApplyDifference } from '../../src/commands/apply.ts';
import type { NodeLine } from '../../src/commands/nodes-list.ts';
import type { Listing } from '../../src/commands/operations.ts';
import type { ApiServerState } from '../../src/operations/api-release.ts';
import type { Unfinished } from '../../src/operations/engine/record.ts';
import type { FailoverView } from '../../src/operations/failover.ts';
import type { ClusterStatus } from '../../src/operations/status/status.ts';
import type { MachineUpgrades } from '../../src/operations/upgrade/minor.ts';
import { type Answer, answerOf, type Shape } from './shape.ts';

const misfits: Shape<Verdict['lost']> = [{ member: 'text', key: 'text' }];

const verdict: Shape<Verdict> = {
  isValid: 'boolean: every promise was kept, on the members that could be read',
  lost: misfits,
  duplicated: misfits,
  invented: misfits,
  denied: misfits,
  disagreeing: ['text'],
  impossible: ['text'],
  missing: [{ member: 'text', why: 'text' }],
  counts: { ok: 'number', fail: 'number', unknown: 'number', readsOk: 'number', readsFail: 'number' },
  longestGap: { lengthMs: 'number', beganAtMs: 'milliseconds since 1970' },
};

const apiServers = answerOf<readonly ApiServerState[]>('What each API server runs, afterwards.', [
  { server: 'text', current: 'version | null', previous: 'version | null', releases: ['version'] },
]);

const done = (verb: string) =>
  answerOf<{ verb: string; machine: string; region: string }>('What was done.', {
    verb,
    machine: 'text',
    region: 'AWS region',
  });

/** What the commands about a running cluster print. */
export const clusterAnswers: Readonly<Record<string, Answer>> = {
  status: answerOf<ClusterStatus>(
    'With `--watch` one object per line; `router` (HAProxy), `pooler` (PgBouncer) and `restoreTest` are null when unknown.',
    {
      at: 'time',
      project: 'text',
      environment: 'text',
      durability: 'zero-loss | available',
      acting: 'AWS region | null',
      regions: [
        {
          region: 'AWS region',
          role: 'acting | standby | without leader | silent',
          members: [
            {
              name: 'text',
              role: 'leader | replica | sync_standby | quorum_standby | standby_leader',
              state: 'text',
              timeline: 'number | null',
              lsn: 'text | null',
              lagBytes: 'number | null',
              isFailsafe: 'whether it accepts writes without etcd',
            },
          ],
          synchronous: 'synchronous_standby_names | null',
          etcd: { members: 'number', answering: 'number', leader: 'text | null' },
          pooler: { paused: ['machine'], clients: 'number', waiting: 'number' },
          routes: [
            {
              machine: 'text',
              router: { primary: ['member'], replica: ['member'] },
              pooler: {
                paused: 'boolean',
                clients: 'number',
                waiting: 'number',
                maxWaitSeconds: 'number',
                servers: 'number',
                maxServers: 'number | null, absent from an older program',
              },
            },
          ],
          lagSeconds: 'number | null',
        },
      ],
      machines: [
        {
          name: 'text',
          role: 'text',
          region: 'AWS region',
          answers: 'boolean',
          diskUsedRatio: '0 to 1 | null',
          certificateEndsAt: 'time | null',
        },
      ],
      repositories: [
        {
          repository: 'number',
          region: 'AWS region',
          answers: 'boolean',
          lastFullAt: 'time | null',
          lastDiffAt: 'time | null',
          lastIncrAt: 'time | null',
          archivedUpTo: 'WAL segment | null',
          restoreTest: { endedAt: 'time', machine: 'text', backup: 'text', ok: 'boolean', problem: 'text | null' },
        },
      ],
      alerts: [{ name: 'text', severity: 'critical | warning', summary: 'text', since: 'time' }],
      findings: [
        {
          what: 'text',
          remedy: 'text',
          alert: 'name of the alert of the same signal; absent where there is none',
          severity: 'critical or warning',
          runbook: 'file and heading, or null',
        },
      ],
    },
  ),
  switchover: answerOf<{ from: string | null; to: string }>('The former and the new primary.', {
    from: 'text | null',
    to: 'text',
  }),
  failover: answerOf<FailoverView>('What each member has, before anything is done.', {
    leader: 'text | null',
    lostPrimary: 'text | null',
    lastKnownLsn: 'text | null',
    candidates: [
      {
        name: 'text',
        lsn: 'text | null',
        behindBytes: 'number | null',
        isSynchronous: 'boolean',
        risk: 'why something acknowledged may be missing | null',
      },
    ],
    writers: [{ name: 'member that accepts writes in its own words', isFailsafe: 'boolean' }],
  }),
  migrate: answerOf<{ applied: readonly string[] }>('The migrations that were pending, in order.', {
    applied: ['text'],
  }),
  load: answerOf<Verdict>('What was acknowledged, held against what every member has.', verdict),
  'upgrade minor': answerOf<readonly MachineUpgrades[]>(
    'The machines that have older versions, before anything is done.',
    [
      {
        node: {
          name: 'text',
          role: 'text',
          hostname: 'text',
          address: 'text',
          zoneIndex: 'number',
          instanceType: 'text',
        },
        available: [{ package: 'text', from: 'version', to: 'version' }],
        pending: ['unit with a pending restart'],
      },
    ],
  ),
  'operations list': answerOf<Listing>('`atWork` and `cutOff` are null where nothing is.', {
    atWork: { operator: 'text', computer: 'text', pid: 'number', doing: 'command', since: 'time' },
    cutOff: { doing: 'command', operator: 'text', since: 'time', choices: 'text, by name' },
    runs: [
      {
        operator: 'text',
        doing: 'command',
        at: 'time',
        result: 'started | done | failed | refused',
        detail: 'text, where something went wrong',
      },
    ],
  }),
  'operations forget': answerOf<Unfinished>('The discarded operation; null where there was no interrupted one.', {
    doing: 'command',
    operator: 'text',
    since: 'time',
    choices: 'text, by name',
  }),
  apply: answerOf<readonly ApplyDifference[]>(
    'The machines that differ, before they are changed. An element without a machine is about what the members of a region share.',
    [
      {
        machine: 'text | null',
        packages: ['text'],
        files: [{ path: 'text', diff: 'unified' }],
        removed: ['path'],
        actions: 'reload | restart, by unit',
        units: ['text'],
        region: 'AWS region; this and what follows where machine is null',
        settings: [{ key: 'text', now: 'text | null', wanted: 'text', needsRestart: 'boolean' }],
        kept: [{ key: 'text', now: 'text', wanted: 'text | null', why: 'text' }],
        overrides: [
          {
            member: 'text',
            override: {
              setting: 'text',
              value: 'text',
              level: 'system | file | server | database | role | role-in-database | all-roles | pooler | patroni',
              database: 'text | null',
              role: 'text | null',
              file: 'path | null',
              line: 'number | null',
              applied: 'boolean | null',
            },
          },
        ],
      },
    ],
  ),
  'api deploy': apiServers,
  'api rollback': apiServers,
  'api status': apiServers,
  'nodes list': answerOf<readonly NodeLine[]>('Every machine of the configuration.', [
    {
      name: 'text',
      role: 'text',
      region: 'AWS region',
      address: 'text',
      instanceType: 'text',
      power: 'running | off | missing',
      member: 'role, state | null',
    },
  ]),
  'nodes restart': done('restart'),
  'nodes reinit': done('reinit'),
  'nodes replace': done('replace'),
  'nodes add': done('add'),
  'nodes remove': done('remove'),
};
