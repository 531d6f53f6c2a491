export { type Parsed, parse } from './parse.ts';
export { DeployAnswer } from './programs/deploy.ts';
export { MachineAnswer } from './programs/machine.ts';
export { RoomAnswer } from './programs/scratch.ts';
export { UpgradeAnswer } from './programs/upgrade.ts';
