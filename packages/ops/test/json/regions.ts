import type { Drill } from '../../src/operations/dr/drill.ts';
import type { Failback } from '../../src/operations/dr/failback.ts';
import type { RegionFailover } from '../../src/operations/dr/failover.ts';
import type { RegionMove } from '../../src/operations/dr/move.ts';
import type { Rejoin } from '../../src/operations/dr/rejoin.ts';
import type { DrStatus } from '../../src/operations/dr/status.ts';
import { type Answer, answerOf, type Shape } from './shape.ts';

const pointedServers: Shape<RegionMove['servers']> = [
  { server: 'text', readyAfterSeconds: 'number | null', problem: 'text | null' },
];

const rejoin: Shape<Rejoin> = {
  region: 'AWS region',
  acting: 'AWS region',
  lost: [
    {
      member: 'text',
      lost: 'null | { commits: number, bytes: number, fromLsn: text, toLsn: text, firstAt: time | null, lastAt: time | null }',
    },
  ],
  restored: [{ member: 'text', from: 'text', kept: 'text | null' }],
  servers: pointedServers,
};

const begunBackup: NonNullable<Exclude<Shape<RegionMove>, string>['backup']> = {
  repository: 'number; backup is null where an earlier run saw it',
  timeline: 'number',
  machine: 'text',
  state: 'ended | running | waiting',
  label: 'text | null',
  problem: 'text | null',
};

const move: Shape<RegionMove> = {
  from: 'AWS region',
  to: 'AWS region',
  epoch: 'number',
  timeline: 'number | null',
  withoutPrimarySeconds: 'number, or null when an earlier run did it',
  servers: pointedServers,
  backup: begunBackup,
  isAlone: 'boolean: one database machine has everything',
};

/** What the commands about both regions print. */
export const regionsAnswers: Readonly<Record<string, Answer>> = {
  'dr status': answerOf<DrStatus>('Both regions.', {
    at: 'time',
    acting: 'AWS region | null',
    regions: [
      {
        region: 'AWS region',
        role: 'acting | standby | unknown',
        epoch: 'number | null',
        leads: 'boolean',
        leader: 'text | null',
        members: [{ name: 'text', role: 'text | null', state: 'text | null', gate: 'text' }],
        off: ['text'],
        isShutOut: 'boolean',
      },
    ],
    lag: { bytes: 'number | null', seconds: 'number | null' },
    slot: {
      name: 'text; slot is null where nothing keeps WAL for the standby',
      active: 'boolean',
      walStatus: 'text | null',
      keptBytes: 'number | null',
    },
    services: [{ server: 'text', region: 'AWS region | null' }],
    drill: { at: 'time; drill is null where there was none', passed: 'boolean' },
    findings: [
      {
        what: 'text',
        remedy: 'text',
        alert: 'name of the alert of the same signal; absent where there is none',
        severity: 'critical or warning',
        runbook: 'file and heading, or null',
      },
    ],
  }),
  'dr failover': answerOf<RegionFailover>('What it came to.', {
    from: 'AWS region',
    to: 'AWS region',
    epoch: 'number',
    timeline: 'number | null',
    isFenced: 'boolean',
    loss: {
      keptUntil: 'time | null; loss is null where an earlier run promoted',
      atMostSeconds: 'number | null',
      lastHeardAt: 'time | null',
      knownBytes: 'number | null',
      estimate: {
        commits: 'number; estimate is null where no pace was read',
        rows: 'number',
        pace: { commits: 'number', rows: 'number', seconds: 'number' },
      },
      measuredBy: 'text',
    },
    recoverySeconds: 'number | null',
    servers: pointedServers,
    backup: begunBackup,
    isAlone: 'boolean: one database machine has everything',
  }),
  'dr switchover': answerOf<RegionMove>('What it came to.', move),
  'dr failback': answerOf<Failback>('What it came to; `rejoin` is null where an earlier run had done it.', {
    rejoin,
    move,
  }),
  'dr rejoin': answerOf<Rejoin>('What it came to.', rejoin),
  'dr drill': answerOf<Drill>('What was proved.', {
    at: 'time',
    operator: 'text',
    standby: 'AWS region',
    acting: 'AWS region',
    passed: 'boolean',
    checks: [{ what: 'text', passed: 'boolean', seen: 'text' }],
    lagBytes: 'number | null',
    result: {
      passed: 'boolean',
      problem: 'text | null',
      machine: 'text',
      seconds: 'number, by part',
      rows: 'number, by table',
      lsn: 'text | null',
      sizeBytes: 'number, where it came so far',
    },
  }),
  'dr confirm': answerOf<{ region: string; members: readonly string[] }>('The members that were told.', {
    region: 'AWS region',
    members: ['text'],
  }),
};
