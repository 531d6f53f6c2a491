import { Type } from 'typebox';

/** What `pgha-machine diff` prints of a manifest, and `apply` of what it changed. */
export const MachineAnswer = Type.Object({
  packages: Type.Array(Type.String()),
  /** Paths. */
  files: Type.Array(Type.String()),
  removed: Type.Array(Type.String()),
  /** Unit to `reload` or `restart`. */
  actions: Type.Record(Type.String(), Type.String()),
  /** Units that are not in the wanted state. */
  units: Type.Array(Type.String()),
});
