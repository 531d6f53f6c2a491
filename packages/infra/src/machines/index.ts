export * from './machine.ts';
export * from './tls.ts';
