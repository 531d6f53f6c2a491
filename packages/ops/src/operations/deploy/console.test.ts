import { defineCluster, nodeNamed } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { createFakeHost } from '../../hosts/fake.ts';
import { HostUnreachableError } from '../../hosts/host.ts';
import { lastWords } from './console.ts';
import { waitForMachines } from './readiness.ts';

const esc = '\u001b';
const boot = [
  '[    0.000000] Linux version 6.12.48+deb13-cloud-amd64',
  `[${esc}[0;32m  OK  ${esc}[0m] Reached target ${esc}[0;1;39mcloud-init.target${esc}[0m.`,
  '[   14.201] cloud-init[512]: Cloud-init v. 25.1.4 running modules:final',
];

describe('the last words of a console', () => {
  it('are those of the step that failed', () => {
    const lines = [
      ...boot,
      '[   18.5] pgha-machine[640]: installing postgresql-17',
      '[   48.9] pgha-machine[640]: E: Unable to fetch some archives\r',
      '',
      'pg-1 login: ',
    ];
    expect(lastWords(lines.join('\r\n'))).toBe(
      'pgha-machine: installing postgresql-17 | pgha-machine: E: Unable to fetch some archives',
    );
  });

  it('are those of the bootstrap when the programs never came', () => {
    const line = 'pgha-machine[633]: pgha-bootstrap: s3://b/k cannot be read yet: AccessDenied';
    expect(lastWords([...boot, line].join('\n'))).toContain('s3://b/k cannot be read yet: AccessDenied');
  });

  it("are cloud-init's, or the kernel's, when nothing of pgha's ran", () => {
    expect(lastWords(boot.join('\n'))).toBe('cloud-init: Cloud-init v. 25.1.4 running modules:final');
    expect(lastWords('one\ntwo\nKernel panic - not syncing: VFS\n')).toBe(
      'one | two | Kernel panic - not syncing: VFS',
    );
    expect(lastWords('')).toBeNull();
  });
});

describe('a machine that cannot be entered at its first boot', () => {
  it('is reported with its console, which is not read at every look', async () => {
    let looks = 0;
    let reads = 0;
    const host = createFakeHost('pg-1', (argv) => {
      if (argv[0] === 'systemctl' && ++looks < 4) throw new HostUnreachableError('pg-1 has not reported yet');
      return { exitCode: 0, stdout: 'active', stderr: '' };
    });
    const said: string[] = [];
    const consoleOf = async () => {
      reads += 1;
      return 'pgha-machine: E: Unable to fetch';
    };
    const pg1 = nodeNamed(defineCluster(), 'pg-1');
    const report = (line: string) => void said.push(line);
    await waitForMachines([pg1], () => host, report, new AbortController().signal, { everyMs: 1, consoleOf });
    expect(said).toEqual([
      'pg-1 has not reported yet. Last lines of its console: pgha-machine: E: Unable to fetch',
      'all nodes are provisioned',
    ]);
    expect(reads).toBe(1);
  });
});
