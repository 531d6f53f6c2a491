import type { Cluster, Region } from '@pgha/infra/cluster';
import { repositoryNumber } from '@pgha/infra/machines';
import { type Host, runChecked } from '../../hosts/host.ts';
import type { Step } from '../../step.ts';

/** Kept while it runs, and afterwards if it failed: what `systemctl status` and `pgha status` find it by. */
const unit = 'pgha-backup-after-promotion.service';

/**
 * Begins a full backup into a region's own repository, on its primary. It takes as long as the database is large and goes on by
 * itself: nobody waits for it.
 */
export function beginFullBackup(cluster: Cluster, region: Region, primary: () => Promise<Host>): Step {
  const repository = repositoryNumber(region);
  return {
    title: `A full backup into repository ${repository} has begun`,
    run: async (report) => {
      const host = await primary();
      const { stdout } = await host.run(['systemctl', 'is-active', unit]);
      if (['active', 'activating'].includes(stdout.trim())) return report('it runs already');
      await host.run(['systemctl', 'reset-failed', unit]);
      // after the timers' own backup, if one of them runs
      const backup = ['flock', '/run/pgbackrest/pgha-backup.lock', 'pgbackrest', `--stanza=${cluster.scope}`];
      const detached = ['systemd-run', '--quiet', `--unit=${unit}`, '--uid=postgres', '--nice=10'];
      await runChecked(host, [...detached, '--', ...backup, `--repo=${repository}`, '--type=full', 'backup']);
      report(`${unit} on ${host.name}`);
    },
  };
}
