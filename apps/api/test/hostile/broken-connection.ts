import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Conformance } from '../contract/fixture/document.ts';
import type { RunningService } from '../contract/fixture/service.ts';
import { openWire, type WireAnswer } from '../contract/fixture/wire.ts';
import { type Exchange, namePlace } from './exchanges.ts';
import type { Item, Model } from './model.ts';
import { describeBytes } from './requests.ts';
import { judge } from './worker.ts';

export interface ExchangeOptions {
  service: RunningService;
  conformance: Conformance;
  model: Model;
  count: (status: number) => void;
  /** After this without a byte the service must have answered or closed the connection. */
  patienceMs: number;
}

/** Sends an exchange over a connection of its own and judges every answer. Throws with all its bytes. */
export async function runExchange(exchange: Exchange, options: ExchangeOptions): Promise<void> {
  const { service, model } = options;
  const name = randomUUID();
  const bytes = Buffer.from(exchange.bytes.toString('latin1').replaceAll(namePlace, name), 'latin1');
  const mayCreate = bytes.includes(name);
  const wire = await openWire(service.port);
  try {
    await sendInPieces(wire.send, bytes, exchange.cuts);
    if (exchange.ending === 'hang up') {
      if (mayCreate) model.mayHave(name);
      return;
    }
    if (exchange.ending === 'send no more') wire.end();
    const answers = await readAnswers(wire, exchange, options);
    takeOver(answers, name, model, service);
    if (mayCreate && answers.length < exchange.requests.length) model.mayHave(name);
    const faults = answers.flatMap((answer, at) => {
      const request = exchange.requests[at] ?? { method: 'GET', target: '/' };
      return judge(options.conformance, { ...request, headers: [] }, answer);
    });
    if (answers.length < exchange.answers) faults.push(`${answers.length} answers for ${exchange.answers} requests`);
    if (faults.length > 0) throw new Error(faults.join('; '));
  } catch (error) {
    // whatever was answered, the table is read later
    if (mayCreate) model.mayHave(name);
    const how = `${exchange.about}, cut at [${exchange.cuts}], then ${exchange.ending}`;
    throw new Error(`${service.name}: ${(error as Error).message}\n  ${how}\n  ${describeBytes(bytes)}`, {
      cause: error,
    });
  } finally {
    wire.close();
  }
}

const pieceEveryMs = 5;

async function sendInPieces(send: (bytes: Buffer) => void, bytes: Buffer, cuts: number[]): Promise<void> {
  let from = 0;
  for (const cut of cuts) {
    if (cut === from) continue;
    send(bytes.subarray(from, cut));
    from = cut;
    await delay(pieceEveryMs);
  }
  send(bytes.subarray(from));
}

/** Until as many as are expected have come and nothing more is there, or the service closes. */
async function readAnswers(
  wire: Awaited<ReturnType<typeof openWire>>,
  { answers: wanted, requests }: Exchange,
  { patienceMs, count }: ExchangeOptions,
): Promise<WireAnswer[]> {
  const answers: WireAnswer[] = [];
  for (;;) {
    const answer = await wire.answer(requests[answers.length]?.method ?? 'GET', patienceMs);
    if (!answer) return answers;
    answers.push(answer);
    count(answer.status);
    const closes = answer.headers.get('connection')?.includes('close') ?? false;
    if (!closes && answers.length >= Math.max(wanted, 1) && wire.rest().length === 0) return answers;
  }
}

/** What was created, by its name: one answer at most can say so. */
function takeOver(answers: WireAnswer[], name: string, model: Model, service: RunningService): void {
  for (const answer of answers) {
    if (answer.status !== 201) continue;
    const item = JSON.parse(answer.body.toString()) as Item;
    if (item.name !== name) throw new Error(`${service.name} created ${answer.body}`);
    model.put(item);
    model.countProofs({ grouped: true, record: false });
  }
}
