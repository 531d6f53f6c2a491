import { type Host, runChecked } from '../hosts/host.ts';

/** A member of a region's etcd. */
export interface EtcdMember {
  /** Hexadecimal, as etcdctl takes it. */
  id: string;
  /** Empty while it was announced and has not started yet. */
  name: string;
  peerUrl: string;
  /** Whether it has ever started. */
  hasStarted: boolean;
}

/** etcd's patience with a member that is away. */
const timeoutMs = 60_000;

/** The members, as the region's etcd has them; asked on any of its machines. */
export async function listEtcdMembers(host: Host): Promise<readonly EtcdMember[]> {
  const text = await runChecked(host, ['pgha-etcdctl', 'member', 'list'], { timeoutMs });
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [id = '', , name = '', peerUrl = '', clientUrl = ''] = line.split(', ');
      return { id, name, peerUrl, hasStarted: clientUrl !== '' };
    });
}

/** Tells etcd of a member that will start at this address. */
export async function announceEtcdMember(host: Host, name: string, peerUrl: string): Promise<void> {
  await runChecked(host, ['pgha-etcdctl', 'member', 'add', name, `--peer-urls=${peerUrl}`], { timeoutMs });
}

/** Takes a member out: etcd counts the remaining ones from then on. */
export async function removeEtcdMember(host: Host, id: string): Promise<void> {
  await runChecked(host, ['pgha-etcdctl', 'member', 'remove', id], { timeoutMs });
}

/** The client addresses of the members that answer and agree. */
export async function healthyEndpoints(host: Host): Promise<readonly string[]> {
  const health = ['pgha-etcdctl', 'endpoint', 'health', '--cluster', '--write-out=json'];
  // it ends with 1 when one of them is not well, and tells of all of them
  const { stdout } = await host.run(health, { timeoutMs });
  if (!stdout.trimStart().startsWith('[')) return [];
  return (JSON.parse(stdout) as readonly { endpoint: string; health: boolean }[])
    .filter(({ health: isWell }) => isWell)
    .map(({ endpoint }) => endpoint);
}
