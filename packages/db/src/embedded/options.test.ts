import { describe, expect, it } from 'vitest';

import { HELP, parseOptions, UsageError } from './options.ts';

describe('command line', () => {
  it('keeps the data in the checkout and uses the documented ports by default', () => {
    expect(parseOptions([], '/checkout')).toEqual({
      fresh: false,
      dir: '/checkout/.pgha',
      apiPort: 8000,
      readApiPort: 8001,
      primaryPort: 54320,
      replicaPort: 54321,
      memberPorts: [54322, 54323],
      statusPort: 54328,
    });
  });

  it('takes every port, a directory and --fresh', () => {
    const argv = [
      '--fresh',
      '--dir=/data',
      '--api-port',
      '0',
      '--read-api-port=1',
      '--primary-port=2',
      '--replica-port=3',
    ];
    expect(parseOptions([...argv, '--member-ports=4,5', '--status-port=65535'], '/')).toEqual({
      fresh: true,
      dir: '/data',
      apiPort: 0,
      readApiPort: 1,
      primaryPort: 2,
      replicaPort: 3,
      memberPorts: [4, 5],
      statusPort: 65535,
    });
  });

  it.each([
    [['--api-port', 'web'], /--api-port: expected a port from 1 to 65535, .*"web"/],
    [['--api-port', '65536'], /--api-port: .*"65536"/],
    [['--member-ports', '54322'], /--member-ports: expected two ports.*"54322"/],
    [['--member-ports', '1,2,3'], /--member-ports: expected two ports/],
    [['--api-port', '8001'], /port 8001 is specified twice/],
    [['--frehs'], /'--frehs'.*--help/],
    [['start'], /'start'.*--help/],
  ])('answers %j with one line that names the mistake', (argv, line) => {
    const parse = () => parseOptions(argv, '/');
    expect(parse).toThrow(UsageError);
    expect(parse).toThrow(line);
    expect(parse).toThrow(/^[^\n]*$/);
  });

  it('shows every option in the help', () => {
    expect(parseOptions(['-h'], '/')).toBeNull();
    for (const option of [
      'fresh',
      'api-port',
      'read-api-port',
      'primary-port',
      'replica-port',
      'member-ports',
      'status-port',
      'dir',
      'help',
    ]) {
      expect(HELP).toContain(`--${option} `);
    }
  });
});
