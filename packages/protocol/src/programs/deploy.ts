import { Type } from 'typebox';

/** What `pgha-deploy` prints, whatever it was asked to do: releases of the services by their versions. */
export const DeployAnswer = Type.Object({
  /** null: none is deployed yet. */
  current: Type.Union([Type.String(), Type.Null()]),
  /** What a rollback returns to. */
  previous: Type.Union([Type.String(), Type.Null()]),
  releases: Type.Array(Type.String()),
});
