import { createHash } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { eligibleTargets, type HealthView, initialView, observe, targetsToReset } from './health.ts';
import type { BalancerSettings, PublishedView } from './settings.ts';

/** A running load balancer. */
export interface Balancer {
  stop(): void;
}

/**
 * A stand-in that treats connections as a Network Load Balancer does: a target is chosen by the flow's addresses among the
 * eligible ones and never changes; once that target turned unhealthy, the client's next packet is answered by a reset. Unlike the real one it completes the
 * client's handshake before the target's, so a target that refuses shows as a reset just after connecting.
 *
 * @throws when an address or port cannot be listened on.
 */
export async function startBalancer(settings: BalancerSettings): Promise<Balancer> {
  let view = initialView(settings.targets);
  const since = new Map(settings.targets.map((target) => [target, new Date().toISOString()]));
  const flows = new Map(settings.targets.map((target) => [target, new Set<Flow>()]));

  const publish = () => writeView(settings.viewFile, view, since, flows);
  const learn = (target: string, passed: boolean) => {
    const next = observe(view, target, passed, settings.check);
    const changed = next.get(target)?.state !== view.get(target)?.state;
    if (changed) since.set(target, new Date().toISOString());
    const reset = targetsToReset(view, next);
    view = next;
    for (const name of reset) for (const flow of flows.get(name) ?? []) flow.abandon();
    publish();
  };

  const accept = (client: Socket, targetPort: number) => {
    const eligible = eligibleTargets(view);
    const target = eligible[flowHash(client) % eligible.length];
    if (target === undefined) {
      client.resetAndDestroy();
      return;
    }
    const flow = openFlow(client, target, targetPort, settings, () => flows.get(target)?.delete(flow));
    flows.get(target)?.add(flow);
  };

  const servers = await Promise.all(
    settings.listeners.flatMap(({ port, targetPort }) =>
      settings.addresses.map((address) => listen(address, port, (client) => accept(client, targetPort))),
    ),
  );
  const checks = settings.targets.map((target) =>
    startChecks(target, settings.check, (passed) => learn(target, passed)),
  );
  publish();
  return {
    stop: () => {
      for (const check of checks) clearInterval(check);
      for (const server of servers) server.close();
      for (const open of flows.values()) for (const flow of open) flow.reset();
    },
  };
}

interface Flow {
  reset(): void;
  /** The target is given up: whatever the client sends next is answered by a reset. */
  abandon(): void;
}

/** Joins client and target. Either side's end is passed on by itself, as TCP has it; a failure resets both. */
function openFlow(
  client: Socket,
  target: string,
  port: number,
  settings: BalancerSettings,
  onClosed: () => void,
): Flow {
  const server = connect({ host: target, port, allowHalfOpen: true, noDelay: true });
  const sides = [client, server];
  const reset = () => {
    for (const side of sides) if (!side.destroyed) side.resetAndDestroy();
  };
  for (const side of sides) {
    side.setTimeout(settings.idleTimeoutMs, reset);
    side.once('close', () => {
      if (sides.every(({ destroyed }) => destroyed)) onClosed();
    });
  }
  client.on('error', reset);
  server.on('error', reset);
  client.pipe(server);
  server.pipe(client);
  return {
    reset,
    abandon: () => {
      client.unpipe(server);
      server.unpipe(client);
      server.off('error', reset);
      server.on('error', () => undefined);
      server.resetAndDestroy();
      client.once('data', reset);
      client.once('end', reset);
      client.resume();
      client.setTimeout(settings.assumedProbeMs, reset);
    },
  };
}

/** The addresses and ports of a flow decide its target: the same flow always meets the same one. */
function flowHash({ remoteAddress, remotePort, localAddress, localPort }: Socket): number {
  const tuple = `${remoteAddress}:${remotePort}>${localAddress}:${localPort}`;
  return createHash('sha256').update(tuple).digest().readUInt32BE(0);
}

function startChecks(
  target: string,
  check: BalancerSettings['check'],
  tell: (passed: boolean) => void,
): NodeJS.Timeout {
  const ask = () => void askTarget(target, check).then(tell);
  ask();
  return setInterval(ask, check.intervalMs);
}

/** One HTTP check on a connection of its own; only 200 passes. */
function askTarget(host: string, { port, path, timeoutMs }: BalancerSettings['check']): Promise<boolean> {
  return new Promise((resolve) => {
    const asking = request({ host, port, path, agent: false, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode === 200));
      response.once('error', () => resolve(false));
    });
    asking.once('error', () => resolve(false));
    asking.end();
  });
}

function listen(host: string, port: number, onConnection: (client: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, onConnection);
    server.once('error', reject);
    server.listen({ host, port, backlog: 1024 }, () => resolve(server));
  });
}

function writeView(
  file: string,
  view: HealthView,
  since: ReadonlyMap<string, string>,
  flows: ReadonlyMap<string, ReadonlySet<Flow>>,
): void {
  const published: PublishedView = {
    targets: [...view].map(([address, { state }]) => ({
      address,
      state,
      since: since.get(address) ?? '',
      connections: flows.get(address)?.size ?? 0,
    })),
  };
  writeFileSync(`${file}.new`, JSON.stringify(published));
  renameSync(`${file}.new`, file);
}
