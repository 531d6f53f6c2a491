export * from './cloud-init.ts';
export * from './machine.ts';
export * from './program.ts';
export * from './render.ts';
export * from './secrets.ts';
export * from './tls.ts';
