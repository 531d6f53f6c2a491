import { afterAll, beforeAll, describe } from 'vitest';
import { type Contract, startSubject } from './fixture/contract.ts';
import { startDatabase } from './fixture/database.ts';
import { describeIdempotency } from './parts/idempotency.ts';
import { describeItems } from './parts/items.ts';
import { describeLists } from './parts/lists.ts';
import { describeObservation } from './parts/observation.ts';
import { describePages } from './parts/pages.ts';
import { describePositions } from './parts/positions.ts';
import { describeRefusals } from './parts/refusals.ts';

/** The HTTP contract on both services as processes; every answer is also held against the service's own document. */
describe('the contract', () => {
  let started: Contract;
  const contract = () => started;

  beforeAll(async () => {
    const database = await startDatabase();
    const [api, reads] = await Promise.all([startSubject(database, 'api'), startSubject(database, 'read-api')]);
    started = { database, api, reads };
  });

  afterAll(async () => {
    await Promise.all([started?.api.service.stop(), started?.reads.service.stop()]);
    await started?.database.stop();
  });

  describe('pages', () => describePages(contract));
  describe('items', () => describeItems(contract));
  describe('lists and conditions', () => describeLists(contract));
  describe('positions', () => describePositions(contract));
  describe('refusals', () => describeRefusals(contract));
  describe('metrics and log', () => describeObservation(contract));
  describe('Idempotency-Key', () => describeIdempotency(contract));
});
