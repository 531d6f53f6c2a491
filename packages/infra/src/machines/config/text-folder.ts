/** Where the node exporter takes figures from that programs leave as text; empty after a boot, so that none is from before. */
export const textFolder = '/run/pgha-metrics';
