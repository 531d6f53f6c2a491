import { expect, it } from 'vitest';
import { type Host, runChecked } from '../src/hosts/host.ts';

/** What every kind of host has to do alike; called inside a `describe` of a test file. */
export function hostConformance(open: () => Host): void {
  const path = '/tmp/pgha-conformance/file';

  it('gives the exit code and does not throw for it', async () => {
    expect(await open().run(['false'])).toMatchObject({ exitCode: 1 });
    expect(await open().run(['sh', '-c', 'exit 3'])).toMatchObject({ exitCode: 3 });
  });

  it('gives the output as it was written', async () => {
    expect(await open().run(['printf', 'ü'])).toEqual({ exitCode: 0, stdout: 'ü', stderr: '' });
  });

  it('hands standard input over, and an empty one when there is none', async () => {
    expect(await open().run(['cat'], { input: 'a\nb\n' })).toMatchObject({ stdout: 'a\nb\n' });
    expect(await open().run(['cat'])).toMatchObject({ exitCode: 0, stdout: '' });
  });

  it('says that a command is not there', async () => {
    expect((await open().run(['pgha-no-such-command'])).exitCode).toBe(127);
  });

  it('reads null where there is no file', async () => {
    expect(await open().readFile('/tmp/pgha-conformance/no-such-file')).toBeNull();
  });

  it('reads back what it wrote, an empty text too', async () => {
    const host = open();
    for (const content of ['one\n', 'quotes \' " $HOME `id` \\ and ü\nno newline at the end', '']) {
      await host.writeFile(path, content, { mode: '0600' });
      expect(await host.readFile(path)).toBe(content);
    }
  });

  it('shows written files to commands', async () => {
    const host = open();
    await host.writeFile(path, 'seen');
    expect(await runChecked(host, ['cat', path])).toBe('seen');
  });

  it('runChecked throws with the command and the code', async () => {
    await expect(runChecked(open(), ['sh', '-c', 'exit 3'])).rejects.toThrow(/"sh -c exit 3" ended with 3/);
  });
}
