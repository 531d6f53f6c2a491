import type { ItemReads } from '@pgha/db';
import { registerItemReads } from '@pgha/http';
import type { FastifyInstance } from 'fastify';

/** `/items` on the read service. */
export function registerItemRoutes(app: FastifyInstance, reads: ItemReads, deadlineMs: number): void {
  registerItemReads(app, { reads, deadlineMs, positions: true });
}
