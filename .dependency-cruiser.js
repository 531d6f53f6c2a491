/** The dependency directions of docs/architecture.md: apps -> http -> db; ops -> db, infra; all of them -> protocol. */
const outside = (from, allowed) => ({
  from: { path: `^${from}/` },
  to: { path: '^(apps|packages)/', pathNot: [from, 'packages/protocol', ...allowed].map((path) => `^${path}/`) },
});

export default {
  forbidden: [
    { name: 'protocol-stands-alone', severity: 'error', ...outside('packages/protocol', []) },
    { name: 'db-stands-alone', severity: 'error', ...outside('packages/db', []) },
    { name: 'http-uses-db-only', severity: 'error', ...outside('packages/http', ['packages/db']) },
    { name: 'api-uses-http-and-db', severity: 'error', ...outside('apps/api', ['packages/http', 'packages/db']) },
    {
      name: 'read-api-uses-http-and-db',
      severity: 'error',
      ...outside('apps/read-api', ['packages/http', 'packages/db']),
    },
    { name: 'infra-stands-alone', severity: 'error', ...outside('packages/infra', []) },
    {
      name: 'ops-uses-db-and-pure-infra',
      severity: 'error',
      ...outside('packages/ops', ['packages/db', 'packages/infra/src/(cluster|machines|observability|reports)']),
    },
    {
      name: 'cdktf-in-stacks-only',
      severity: 'error',
      from: { pathNot: '^packages/infra/src/stacks/' },
      to: { path: '(^|/)(cdktf|@cdktf|constructs)(/|$)' },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-tests-in-sources',
      severity: 'error',
      from: { path: '/src/', pathNot: '\\.test\\.ts$' },
      to: { path: '(\\.test\\.ts$|/test/)' },
    },
    {
      name: 'not-to-dev-dependency',
      severity: 'error',
      from: { path: '^(apps|packages)/[^/]+/src/', pathNot: '\\.test\\.ts$' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['type-only', 'npm-optional'],
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(\\.pgha|cdktf\\.out)/' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.js'],
    },
  },
};
