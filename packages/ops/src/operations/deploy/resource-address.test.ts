import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { terraformVersion } from '../../hosts/terraform.ts';
import { recordPlans } from './fixtures/recording.ts';
import { covers, parseAddress, quoteAddress } from './resource-address.ts';

const file = 'fixtures/terraform-plans.snap';
type Plans = Awaited<ReturnType<typeof recordPlans>>;
const recorded = JSON.parse(await readFile(new URL(file, import.meta.url), 'utf8').catch(() => '{}')) as Plans;
const hasTerraform = (await terraformVersion().catch(() => null)) !== null;

describe('an address as Terraform prints it', () => {
  it.runIf(hasTerraform)('is recorded from Terraform itself', { timeout: 120_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pgha-terraform-'));
    try {
      const plans = await recordPlans(folder);
      await expect(`${JSON.stringify(plans, null, 2)}\n`).toMatchFileSnapshot(file);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('is read into what Terraform says beside it: module, type, name, number or key', () => {
    expect(recorded.replaced.length).toBeGreaterThan(12);
    for (const { address, module_address: module, mode, type, name, index } of [
      ...recorded.replaced,
      ...recorded.removed,
    ]) {
      const parsed = parseAddress(address);
      expect(parsed, address).toMatchObject({ mode, type, name, key: index ?? null });
      // a module's own address ends where that of a resource in it begins
      const inModule = parseAddress(module === undefined ? 'x.y' : `${module}.x.y`);
      expect(parsed?.modules, address).toEqual(inModule?.modules);
    }
    expect(parseAddress('module.each["a.b"].terraform_data.inner[0]')).toEqual({
      modules: [{ name: 'each', key: 'a.b' }],
      mode: 'managed',
      type: 'terraform_data',
      name: 'inner',
      key: 0,
    });
    expect(parseAddress('data.aws_ebs_volumes.machines_pg-1-volume')).toMatchObject({ mode: 'data', key: null });
  });

  it.each([
    '',
    'aws_instance',
    'aws_instance.',
    'aws_instance.a.b',
    'a[0].b',
    'module.x',
    'a.b[x]',
    'a.b["c]',
    'a.b[0]x',
  ])('is not %j', (text) => {
    expect(parseAddress(text)).toBeNull();
  });

  it('without a key names all that count or for_each made, with a key just the one', () => {
    const all = 'aws_volume_attachment.machines_pg-2-data';
    expect(covers(all, `${all}[0]`)).toBe(true);
    expect(covers(all, `${all}["a.b[0]"]`)).toBe(true);
    expect(covers(`${all}[0]`, `${all}[0]`)).toBe(true);
    expect(covers(`${all}[0]`, `${all}[1]`)).toBe(false);
    expect(covers(`${all}[0]`, `${all}["0"]`)).toBe(false);
    expect(covers(`${all}[0]`, all)).toBe(false);
    expect(covers(all, 'aws_volume_attachment.machines_pg-20-data[0]')).toBe(false);
    expect(covers(all, `module.one.${all}[0]`)).toBe(false);
    expect(covers('nonsense', 'nonsense too')).toBe(false);
  });

  it('is quoted where a shell would read it otherwise', () => {
    expect(quoteAddress('aws_instance.machines_pg-2')).toBe('aws_instance.machines_pg-2');
    expect(quoteAddress('a.b[0]')).toBe("'a.b[0]'");
    expect(quoteAddress('a.b["it\'s"]')).toBe(`'a.b["it'\\''s"]'`);
  });
});
