import type { Answer, Conformance } from '../contract/fixture/document.ts';
import type { RunningService } from '../contract/fixture/service.ts';
import { openWire, type Wire, type WireAnswer } from '../contract/fixture/wire.ts';
import { type Item, itemFaults, type Model } from './model.ts';
import { queryFaults } from './query.ts';
import { type ConcreteRequest, concrete, describeBytes, type RequestPlan } from './requests.ts';

/** One client: a connection, the items it made, and nobody else changes. */
export interface Worker {
  /** Sends a request and judges the answer. Throws an error that shows every byte of the request. */
  run(plan: RequestPlan): Promise<void>;
  close(): void;
}

export interface WorkerOptions {
  service: RunningService;
  conformance: Conformance;
  model: Model;
  /** Counts the answers by status. */
  count: (status: number) => void;
}

/** What is to be answered once more when the same request comes with the same key. */
interface Keyed {
  request: ConcreteRequest;
  answer: WireAnswer;
}

export function createWorker({ service, conformance, model, count }: WorkerOptions): Worker {
  const own = new Set<string>();
  const etags = new Map<string, string>();
  let wire: Wire | null = null;
  let keyed: Keyed | null = null;

  async function exchange(request: ConcreteRequest): Promise<WireAnswer> {
    wire ??= await openWire(service.port);
    wire.send(request.bytes);
    const answer = await wire.answer(request.method);
    if (!answer) throw new Error('the connection was closed without an answer');
    const closes = answer.headers.get('connection')?.includes('close') ?? false;
    if (closes || !wire.isOpen()) hangUp();
    return answer;
  }

  function hangUp(): void {
    wire?.close();
    wire = null;
  }

  function applyWrite(request: ConcreteRequest, answer: WireAnswer): string[] {
    const { method, path, ownId } = request;
    const replayed = answer.headers.has('idempotency-replayed');
    const position = answer.headers.get('commit-lsn')?.[0];
    if (position === undefined) return ['a write was acknowledged without Commit-LSN'];
    model.position = position;
    if (replayed) return replayFaults(request, answer);
    const hasKey = request.headers.some(([name]) => name.toLowerCase() === 'idempotency-key');
    const grouped = method === 'POST' && path === '/items';
    model.countProofs({ grouped, record: hasKey || !grouped });
    if (hasKey) keyed = { request, answer };
    if (method === 'DELETE') {
      if (ownId === null) return ['an item that nobody made was deleted'];
      own.delete(ownId);
      model.remove(ownId);
      return [];
    }
    // a decoder drops the byte order mark, which RFC 8259, 8.1, lets a parser ignore
    const sent: unknown = JSON.parse(new TextDecoder().decode(request.body ?? Buffer.from('null')));
    const stored = JSON.parse(answer.body.toString()) as Item | Item[];
    if (path === '/items/batch') {
      if (!Array.isArray(sent) || !Array.isArray(stored)) return ['a batch that is no array'];
      if (sent.length !== stored.length) return [`${stored.length} items for ${sent.length}`];
      return stored.flatMap((item, at) => keep(item, sent[at], null, undefined));
    }
    const before = ownId === null ? null : (model.items.get(ownId) ?? null);
    if (method !== 'POST' && !before) return ['an item that nobody made was changed'];
    return keep(stored as Item, sent, before, answer.headers.get('etag')?.[0]);
  }

  /** Takes over what was acknowledged, and says where it is not what was sent. */
  function keep(stored: Item, sent: unknown, before: Item | null, etag: string | undefined): string[] {
    own.add(String(stored.id));
    model.put(stored);
    if (etag !== undefined) etags.set(String(stored.id), etag);
    const faults = itemFaults(sent, { partial: before !== null }).map((fault) => `accepted although ${fault}`);
    const defaults = before ?? { description: null, is_active: true };
    const wanted = { ...defaults, ...(sent as Partial<Item>) } as Item;
    for (const field of ['name', 'description', 'price', 'is_active'] as const) {
      // -0 is 0
      if (stored[field] !== wanted[field])
        faults.push(`${field} is ${JSON.stringify(stored[field])} after ${JSON.stringify(wanted[field])} was sent`);
    }
    return faults;
  }

  /** Somebody else's key may have been met; one's own answers must come again as they were. */
  function replayFaults(request: ConcreteRequest, answer: WireAnswer): string[] {
    if (!keyed?.request.bytes.equals(request.bytes)) return [];
    const same = keyed.answer.status === answer.status && keyed.answer.body.equals(answer.body);
    return same
      ? []
      : [`replayed as ${answer.status} ${answer.body}, first ${keyed.answer.status} ${keyed.answer.body}`];
  }

  function readFaults(request: ConcreteRequest, answer: WireAnswer): string[] {
    if (service.name !== 'api' || request.ownId === null || request.method !== 'GET') return [];
    const known = model.items.get(request.ownId);
    if (answer.status !== 200 || !known) return [];
    const shown = JSON.parse(answer.body.toString()) as Item;
    return shown.updated_at === known.updated_at ? [] : [`shows ${answer.body}, acknowledged ${JSON.stringify(known)}`];
  }

  return {
    async run(plan) {
      const ownIds = service.name === 'api' ? [...own] : [...model.items.keys()].slice(-50);
      const circumstances = { ownIds, etagOf: (id: string) => etags.get(id), position: model.position };
      const replay = plan.replay && keyed !== null;
      const request = replay && keyed ? keyed.request : concrete(plan, circumstances);
      try {
        const answer = await exchange(request);
        count(answer.status);
        const faults = [...judge(conformance, request, answer)];
        const isWrite = answer.status < 300 && !['GET', 'HEAD', 'OPTIONS'].includes(request.method);
        if (isWrite) faults.push(...applyWrite(request, answer));
        else faults.push(...readFaults(request, answer));
        if (answer.status === 200 && !replay && request.method === plan.operation.method)
          faults.push(...queryFaults(plan.operation, request.target));
        if (plan.clean && !replay) faults.push(...cleanFaults(request, answer, service.name === 'read-api'));
        if (replay && answer.headers.get('idempotency-replayed')?.[0] !== 'true')
          faults.push('the same key with the same request was not answered from the record');
        if (faults.length > 0) throw new Error(`${answer.status}: ${faults.join('; ')}`);
      } catch (error) {
        hangUp();
        throw new Error(`${service.name}: ${(error as Error).message}\n  ${describeBytes(request.bytes)}`, {
          cause: error,
        });
      }
    },
    close: hangUp,
  };
}

/** What holds for every answer: documented, and no failure but the one that was asked for. */
export function judge(
  conformance: Conformance,
  { method, target, headers }: Pick<ConcreteRequest, 'method' | 'target' | 'headers'>,
  answer: WireAnswer,
): string[] {
  const seen: Answer = { ...answer, header: (name) => answer.headers.get(name.toLowerCase())?.join(', ') };
  const faults = conformance.faults(method, target, seen);
  if (answer.headers.has('x-injected')) faults.push('a header of the request became one of the answer');
  if (answer.status >= 500) {
    const askedFor = headers.some(([name]) => name.toLowerCase() === 'min-lsn');
    const behind = answer.status === 503 && (method === 'HEAD' || answer.body.includes('"/problems/replica-behind"'));
    if (!askedFor || !behind) faults.push(`a failure of the service: ${answer.body}`);
  }
  return faults;
}

/** A request that is as documented succeeds, unless it names what is not there or has a condition. */
function cleanFaults(
  { headers, ownId, path }: ConcreteRequest,
  { status, body }: WireAnswer,
  mayBeBehind: boolean,
): string[] {
  const names = new Set(headers.map(([name]) => name.toLowerCase()));
  const namesItem = path.startsWith('/items/') && path !== '/items/batch';
  const wellAnswered =
    status < 300 ||
    (status === 304 && names.has('if-none-match')) ||
    (status === 412 && names.has('if-match')) ||
    (status === 404 && namesItem && (ownId === null || mayBeBehind)) ||
    (status === 503 && names.has('min-lsn'));
  return wellAnswered ? [] : [`refused although it is as documented: ${body}`];
}
