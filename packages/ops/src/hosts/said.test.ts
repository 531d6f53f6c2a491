import { describe, expect, it } from 'vitest';
import { briefly, reasonIn } from './said.ts';

const traceback = (...end: readonly string[]) =>
  [
    'Traceback (most recent call last):',
    '  File "/usr/local/sbin/pgha-observe", line 12, in <module>',
    '    main()',
    '    ~~~~^^',
    ...end,
    '',
  ].join('\n');

describe('the reason in what a failed program wrote', () => {
  it.each([
    ['RuntimeError: etcd has no leader', 'etcd has no leader'],
    [
      '__main__.Failed: etcdctl member list: context deadline exceeded',
      'etcdctl member list: context deadline exceeded',
    ],
    ['urllib.error.URLError: <urlopen error [Errno 111] Connection refused>', 'Connection refused'],
    [
      "FileNotFoundError: [Errno 2] No such file or directory: '/etc/pgha/x'",
      "No such file or directory: '/etc/pgha/x'",
    ],
    ["KeyError: 'lsn'", "internal error (KeyError: 'lsn')"],
    ['AssertionError', 'internal error (AssertionError)'],
  ])('is the message of an uncaught exception of Python: %s', (last, reason) => {
    expect(reasonIn(traceback(last))).toBe(reason);
  });

  it('is that of the last exception of a chain', () => {
    const chain = `${traceback("KeyError: 'x'")}\nDuring handling of the above exception, another exception occurred:\n\n`;
    expect(reasonIn(chain + traceback('RuntimeError: no configuration'))).toBe('no configuration');
  });

  it('is the message of an error of Node, without its stack', () => {
    const said = [
      'file:///opt/pgha/bin/x.js:3',
      "throw new Error('no release');",
      '      ^',
      '',
      'Error: no release',
      '    at file:///opt/pgha/bin/x.js:3:7',
      '    at ModuleJob.run (node:internal/modules/esm/module_job:343:25)',
      '',
      'Node.js v24.1.0',
    ];
    expect(reasonIn(said.join('\n'))).toBe('no release');
  });

  it('is otherwise the last lines, as one', () => {
    const said = 'ERROR:  column "x" does not exist\nLINE 1: select x\n               ^\n';
    expect(reasonIn(said)).toBe('ERROR:  column "x" does not exist; LINE 1: select x');
    expect(reasonIn('1\n2\n3\n4\n5\n6\n')).toBe('2; 3; 4; 5; 6');
  });

  it('is looked for in the output of a program without errors', () => {
    expect(reasonIn('\n', 'on the output\n')).toBe('on the output');
    expect(reasonIn('', '')).toBe('no output');
  });
});

it('shows the beginning of a long command', () => {
  expect(briefly(['sh', '-c', 'exit 3'])).toBe('sh -c exit 3');
  expect(briefly(['psql', '--command=select 1,\n  2'])).toBe('psql --command=select 1, 2');
  expect(briefly(['psql', 'x'.repeat(200)])).toBe(`psql ${'x'.repeat(95)}…`);
});
