import { defineConfig } from 'vitest/config';

/** unit: pure code, beside its source. postgres: a real embedded pair. browser: pages in Chromium. lab: whole machines. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{apps,packages}/*/{src,lint}/**/*.test.ts'],
          // milliseconds each; a machine that does something else as well must not fail a property for its many runs
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'postgres',
          include: ['{apps,packages}/*/test/**/*.test.ts'],
          exclude: ['**/test/browser/**', '**/test/lab/**'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // every file starts its own servers; two at once on a small machine measure each other
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'browser',
          include: ['{apps,packages}/*/test/browser/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'lab',
          include: ['{apps,packages}/*/test/lab/**/*.test.ts'],
          testTimeout: 900_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
