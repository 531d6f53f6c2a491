import type { Cluster } from '../../cluster/index.ts';
import { type MachinePart, machineFile } from '../machine.ts';
import { programFile } from '../program.ts';
import { spaceProgram, spaceSettings, spaceUnit } from './bundled-units.ts';

const unit = 'pgha-space.service';

/** Hands the primary over to a member with free disk space before its data volume is full (docs/decisions/0022). */
export function diskSpace(cluster: Cluster): MachinePart {
  const onChange = [{ unit, action: 'restart' as const }];
  const readers =
    cluster.dr === null ? onChange : [...onChange, { unit: 'pgha-region.service', action: 'restart' as const }];
  return {
    files: [
      machineFile('/etc/pgha/space.json', spaceSettings, { onChange, bundledAs: 'pgha-space.json' }),
      programFile('pgha_etcd.py', '/usr/local/lib/pgha/pgha_etcd.py', { mode: '0644', onChange: readers }),
      programFile('pgha-space.py', spaceProgram, { onChange }),
      machineFile(`/etc/systemd/system/${unit}`, spaceUnit, { onChange, bundledAs: unit }),
    ],
    units: [{ unit, state: 'started' }],
  };
}
