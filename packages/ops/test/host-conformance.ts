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
    await expect(runChecked(open(), ['sh', '-c', 'exit 3'])).rejects.toThrow(/"sh -c exit 3" failed \(exit status 3\)/);
  });
}

/** What every kind of host that runs real commands has to do alike at a command's timeout. */
export function timeoutConformance(open: () => Host): void {
  it('ends a command at its timeout with everything it started, whoever holds its output open', async () => {
    const host = open();
    // a word of its own for each, by which `ps` finds it: the durations are never reached
    const nap = 4_000_000 + Math.floor(Math.random() * 1_000_000);
    const leftovers = async () => (await host.run(['ps', '-A', '-o', 'args='])).stdout.includes(`sleep ${nap}`);
    const scripts = {
      'the command itself': `sleep ${nap}`,
      'a child in the background': `sleep ${nap} & wait`,
      'a grandchild in a session of its own, whose parents have ended': `(setsid sh -c 'sleep ${nap} & exit 0' &) ; exit 0`,
      'a child that gives its environment up': `env -i setsid sleep ${nap} & wait`,
      'a child that ignores the request to end': `trap '' TERM; sleep ${nap} & sleep ${nap}; sleep ${nap}`,
    };
    for (const [what, script] of Object.entries(scripts)) {
      const began = performance.now();
      await expect(host.run(['sh', '-c', script], { timeoutMs: 1_000 }), what).rejects.toThrow(/did not end within/);
      expect(performance.now() - began, what).toBeLessThan(15_000);
      expect(await leftovers(), what).toBe(false);
    }
  }, 120_000);
}
