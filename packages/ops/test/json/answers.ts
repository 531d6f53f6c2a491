import { clusterAnswers } from './cluster.ts';
import { dataAnswers } from './data.ts';
import { placesAnswers } from './places.ts';
import { regionsAnswers } from './regions.ts';
import type { Answer } from './shape.ts';

/** What every command with `--json` prints, by the words it is called by. */
export const answers: Readonly<Record<string, Answer>> = {
  ...clusterAnswers,
  ...dataAnswers,
  ...regionsAnswers,
  ...placesAnswers,
};
