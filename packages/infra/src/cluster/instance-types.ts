export interface InstanceType {
  vcpus: number;
  memoryMib: number;
}

/**
 * The amd64 types a machine may have: PostgreSQL's memory is computed from them, so an unknown type is refused.
 * Source: EC2 instance type specifications.
 */
export const instanceTypes: Readonly<Record<string, InstanceType>> = {
  't3.micro': { vcpus: 2, memoryMib: 1024 },
  't3.small': { vcpus: 2, memoryMib: 2048 },
  't3.medium': { vcpus: 2, memoryMib: 4096 },
  't3.large': { vcpus: 2, memoryMib: 8192 },
  't3.xlarge': { vcpus: 4, memoryMib: 16384 },
  't3.2xlarge': { vcpus: 8, memoryMib: 32768 },
  'm7i.large': { vcpus: 2, memoryMib: 8192 },
  'm7i.xlarge': { vcpus: 4, memoryMib: 16384 },
  'm7i.2xlarge': { vcpus: 8, memoryMib: 32768 },
  'm7i.4xlarge': { vcpus: 16, memoryMib: 65536 },
  'r7i.large': { vcpus: 2, memoryMib: 16384 },
  'r7i.xlarge': { vcpus: 4, memoryMib: 32768 },
  'r7i.2xlarge': { vcpus: 8, memoryMib: 65536 },
  'r7i.4xlarge': { vcpus: 16, memoryMib: 131072 },
};

/**
 * @throws when the type is not in the table.
 */
export function instanceTypeNamed(name: string): InstanceType {
  const type = instanceTypes[name];
  if (type === undefined) throw new Error(`unknown instance type "${name}". Known types: ${instanceTypeNames()}`);
  return type;
}

/** For messages. */
export function instanceTypeNames(): string {
  return Object.keys(instanceTypes).join(', ');
}
