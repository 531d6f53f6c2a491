import type { CostItem } from '@pgha/infra/reports';
import type { Check } from '../../src/commands/doctor.ts';
import type { Measurement } from '../../src/commands/lab-measure.ts';
import type { LabStatus } from '../../src/lab/status.ts';
import type { Outcome } from '../../src/operations/deploy/outcome.ts';
import type { Preview } from '../../src/operations/deploy/preview.ts';
import { type Answer, answerOf } from './shape.ts';

const labStatus = answerOf<LabStatus>('The lab.', {
  phase: 'starting | up',
  startedAt: 'time',
  machines: [
    { name: 'text', role: 'text', region: 'text', address: 'text', state: 'running | off', memoryBytes: 'number' },
  ],
  members: [
    {
      name: 'text',
      region: 'text',
      role: 'text',
      state: 'text',
      timeline: 'number | null',
      lagBytes: 'number | null',
    },
  ],
  loadBalancers: [{ region: 'text', target: 'text', state: 'text', since: 'time', connections: 'number' }],
  urls: [{ what: 'text', url: 'text' }],
  memoryBytes: 'number',
});

/** What the commands about this computer, the lab and AWS print. */
export const placesAnswers: Readonly<Record<string, Answer>> = {
  'lab up': labStatus,
  'lab status': labStatus,
  'lab reset': labStatus,
  'lab measure': answerOf<readonly Measurement[]>('Every run of every fault.', [
    { fault: 'text', verdicts: ['as of `pgha load`'] },
  ]),
  doctor: answerOf<readonly Check[]>('Everything that was looked at.', [
    { what: 'text', neededFor: 'text', found: 'text, or null: missing', remedies: ['text'] },
  ]),
  cost: answerOf<{ usd: number; items: readonly CostItem[] }>('A month, in USD.', {
    usd: 'number',
    items: [
      {
        region: 'primary | dr',
        part: 'machines | load balancer | volumes | addresses | services | backups | traffic',
        kind: 'fixed | usage',
        what: 'text',
        basis: 'text',
        usd: 'number',
      },
    ],
  }),
  plan: answerOf<Preview>('What Terraform would do.', {
    reviews: [
      {
        stack: 'text',
        changes: [{ address: 'text', type: 'text', action: 'create | import | update | replace | forget | delete' }],
      },
    ],
    later: ['stack that depends on one that does not exist yet'],
  }),
  deploy: answerOf<Outcome>('Where everything is.', {
    region: 'AWS region',
    loadBalancer: { dnsName: 'text', hostname: 'text' },
    psql: [{ purpose: 'text', command: 'text' }],
    urls: [{ what: 'text', url: 'text' }],
    secrets: ['command that prints one'],
  }),
};
