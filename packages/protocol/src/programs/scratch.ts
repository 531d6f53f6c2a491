import { Type } from 'typebox';

/** What `pgha-scratch room` prints: the data volume, in bytes. */
export const RoomAnswer = Type.Object({
  sizeBytes: Type.Integer(),
  freeBytes: Type.Integer(),
  /** What a restore may take, so that the member itself keeps enough. */
  usableBytes: Type.Integer(),
});
