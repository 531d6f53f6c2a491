import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineCluster, nodeNamed } from '../../src/cluster/index.ts';
import { type Machine, renderMachine, renderManifest } from '../../src/machines/index.ts';
import { site } from './debian-root.ts';

/** What Debian's image for EC2 has and our machines lean on; everything else is theirs to install. */
const imagePackages = ['ca-certificates', 'cloud-init', 'dbus', 'iproute2', 'openssh-server', 'systemd-sysv', 'udev'];

const folder = process.env['PGHA_LAB_DIR'] ?? '/var/cache/pgha-lab';
const image = join(folder, 'bare-images', 'trixie');
/** A minute for the image, one to two for a role's packages; the mirror may be slow. */
const deadlineMs = 600_000;

/** Debian does not have them: boot steps take them from their makers' own archives, which a test cannot count on. */
const elsewhere = ['amazon-ssm-agent.service', 'grafana-server.service'];

const cluster = defineCluster({ alertEmail: 'ops@example.com', adminCidrs: ['192.0.2.0/24'] });

beforeAll(() => {
  if (existsSync(image)) return;
  mkdirSync(dirname(image), { recursive: true });
  const unfinished = join(folder, 'bare-images', `unfinished-${randomUUID()}`);
  command(['mmdebstrap', '--variant=apt', `--include=${imagePackages.join(',')}`, 'trixie', unfinished]);
  renameSync(unfinished, image);
}, deadlineMs);

/** Root's place on top of the bare image; gone when the test is. */
function openRoot() {
  const place = join(folder, 'validation', randomUUID());
  const root = join(place, 'root');
  for (const part of ['upper', 'work', 'root']) mkdirSync(join(place, part), { recursive: true });
  const layers = `lowerdir=${image},upperdir=${join(place, 'upper')},workdir=${join(place, 'work')}`;
  command(['mount', '-t', 'overlay', 'overlay', '-o', layers, root]);
  return {
    root,
    close() {
      command(['umount', root]);
      rmSync(place, { recursive: true, force: true });
    },
  };
}

/**
 * pgha-machine's own first half, in a machine that is not booted: what comes after it (secrets, steps, starting) needs the
 * machine's surroundings and is the lab's to show.
 */
const install = `
import importlib.util, json, pwd, grp
from importlib.machinery import SourceFileLoader
loader = SourceFileLoader("machine", "/root/pgha-machine")
machine = importlib.util.module_from_spec(importlib.util.spec_from_loader("machine", loader))
loader.exec_module(machine)
manifest = json.load(open("/root/manifest.json"))
early = [entry for entry in manifest["files"] if entry["path"].startswith(machine.BEFORE_PACKAGES)]
machine.write_files(early)
machine.install_packages(machine.missing_packages(manifest))
machine.write_files([entry for entry in manifest["files"] if entry not in early])
for secret in manifest["secrets"]:
    pwd.getpwnam(secret["owner"]), grp.getgrnam(secret["group"])
again = machine.write_files(manifest["files"])
print(json.dumps({"missing": machine.missing_packages(manifest), "changed again": [entry["path"] for entry in again]}))
`;

describe.each(['etcd-1', 'pg-1', 'api-1', 'monitoring-1', 'bastion-1'])('%s, on a bare image', (name) => {
  const machine: Machine = renderMachine(cluster, nodeNamed(cluster, name), {
    ...site,
    kind: 'aws',
    packagesPreinstalled: false,
  });
  let place: ReturnType<typeof openRoot>;
  beforeAll(() => {
    place = openRoot();
    const program = machine.files.find(({ program: source }) => source === 'pgha-machine.py');
    writeFileSync(join(place.root, 'root/pgha-machine'), program?.content ?? '');
    writeFileSync(join(place.root, 'root/manifest.json'), renderManifest(machine));
    writeFileSync(join(place.root, 'root/install.py'), install);
  });
  afterAll(() => place.close());

  it(
    'installs every package it needs, starts none, and has every user and program its files and units name',
    () => {
      const installed = enter(
        place.root,
        'python3 /root/install.py 2>/root/install.log || { tail -n 20 /root/install.log; exit 9; }',
      );
      expect(installed.output.trim().split('\n').at(-1)).toBe('{"missing": [], "changed again": []}');
      expect(existsSync(join(place.root, 'usr/sbin/policy-rc.d'))).toBe(false);
      expect(existsSync(join(place.root, 'var/lib/postgresql/17/main'))).toBe(false);

      const units = machine.units.map(({ unit }) => unit).filter((unit) => !elsewhere.includes(unit));
      const { output } = enter(
        place.root,
        `for unit in ${units.join(' ')}; do systemctl --root=/ is-enabled $unit >/dev/null 2>/root/answer || grep -H 'No such file' /root/answer || true; done
systemd-analyze verify --man=no --recursive-errors=no ${units.map((unit) => unit.replace('@.', '@full.')).join(' ')}`,
      );
      expect(output.trim()).toBe('');
    },
    deadlineMs,
  );
});

/** Runs a script in the root: with this computer's network, because packages come from the mirror. */
function enter(root: string, script: string): { output: string } {
  const nspawn = [
    'systemd-nspawn',
    '--quiet',
    '--register=no',
    '--keep-unit',
    '--as-pid2',
    '--pipe',
    '--resolv-conf=copy-host',
  ];
  const { stdout, stderr, status, error } = spawnSync(
    nspawn[0] ?? '',
    [...nspawn.slice(1), `--directory=${root}`, '/bin/sh', '-euc', `exec 2>&1\n${script}`],
    { encoding: 'utf8', timeout: deadlineMs, env: { ...process.env, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1' } },
  );
  if (error !== undefined) throw error;
  return { output: stdout === '' && status !== 0 ? stderr : stdout };
}

function command(words: readonly string[]): void {
  const { status, stderr, error } = spawnSync(words[0] ?? '', words.slice(1), {
    encoding: 'utf8',
    timeout: deadlineMs,
  });
  if (status !== 0) throw new Error(`${words.join(' ')} ended with ${status}: ${stderr}`, { cause: error });
}
