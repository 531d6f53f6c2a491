import type { Page } from '../page.ts';

const percentile = (quantile: number, metric: string, by: string) =>
  `histogram_quantile(${quantile}, sum by (${by}, le) (rate(${metric}_bucket[1m])))`;

/** The two APIs: what they respond with, how fast, and what they wait for. */
export const servicesPage: Page = {
  name: 'services',
  title: 'pgha: services',
  panels: [
    {
      title: 'Requests by route',
      kind: 'curve',
      unit: 'per-second',
      curves: [
        {
          query: 'sum by (job, method, route) (rate(http_request_duration_seconds_count[1m]))',
          legend: '{{job}} {{method}} {{route}}',
        },
      ],
    },
    {
      title: 'Responses by status code',
      kind: 'curve',
      unit: 'per-second',
      curves: [
        { query: 'sum by (job, status) (rate(http_request_duration_seconds_count[1m]))', legend: '{{job}} {{status}}' },
      ],
    },
    {
      title: 'Request latency (median and p99)',
      kind: 'curve',
      unit: 'seconds',
      curves: [
        { query: percentile(0.5, 'http_request_duration_seconds', 'job'), legend: '{{job}} median' },
        { query: percentile(0.99, 'http_request_duration_seconds', 'job'), legend: '{{job}} p99' },
      ],
    },
    {
      title: 'Statement latency (p99)',
      kind: 'curve',
      unit: 'seconds',
      curves: [
        { query: percentile(0.99, 'db_query_duration_seconds', 'job, statement'), legend: '{{job}} {{statement}}' },
      ],
    },
    {
      title: 'Write queue time (p99)',
      kind: 'curve',
      unit: 'seconds',
      curves: [{ query: percentile(0.99, 'write_hold_seconds', 'job'), legend: 'queued' }],
    },
    {
      title: 'Min-LSN wait of reads (p99)',
      kind: 'curve',
      unit: 'seconds',
      curves: [{ query: percentile(0.99, 'replica_wait_seconds', 'job'), legend: '{{job}}' }],
    },
    {
      title: 'Retries',
      kind: 'curve',
      unit: 'per-second',
      curves: [{ query: 'sum by (job, reason) (rate(db_retries_total[1m]))', legend: '{{job}} {{reason}}' }],
    },
    {
      title: 'Database connections',
      kind: 'curve',
      unit: 'count',
      curves: [{ query: 'sum by (pool, state) (db_pool_connections)', legend: '{{pool}} {{state}}' }],
    },
    {
      title: 'Requests in flight',
      kind: 'curve',
      unit: 'count',
      curves: [{ query: 'http_requests_in_flight', legend: '{{job}}' }],
    },
    {
      title: 'Event loop delay (p99)',
      kind: 'curve',
      unit: 'seconds',
      curves: [{ query: 'nodejs_eventloop_lag_p99_seconds', legend: '{{job}}' }],
    },
  ],
};
