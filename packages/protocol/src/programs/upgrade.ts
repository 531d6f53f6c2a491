import { Type } from 'typebox';

/** What `pgha-upgrade state` and `install` print. */
export const UpgradeAnswer = Type.Object({
  /** Packages with a newer minor version, as apt names them and their versions. */
  available: Type.Array(Type.Object({ package: Type.String(), from: Type.String(), to: Type.String() })),
  /** Units that still run what was there before. */
  pending: Type.Array(Type.String()),
});
