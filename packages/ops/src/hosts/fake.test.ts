import { describe, expect, it } from 'vitest';
import { hostConformance } from '../../test/host-conformance.ts';
import { createFakeHost } from './fake.ts';

describe('a fake host', () => {
  const host = createFakeHost('fake-1');
  hostConformance(() => host);

  it('answers as the test says and keeps the commands', async () => {
    const told = createFakeHost('fake-2', ([command]) =>
      command === 'patronictl' ? { exitCode: 0, stdout: '[]', stderr: '' } : null,
    );
    expect(await told.run(['patronictl', 'list'])).toMatchObject({ stdout: '[]' });
    expect(await told.run(['true'])).toMatchObject({ exitCode: 0 });
    expect(told.commands).toEqual([['patronictl', 'list'], ['true']]);
  });
});
