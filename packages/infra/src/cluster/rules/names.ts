import { type CompleteInput, withDefaults } from '../input.ts';
import { type Check, check } from './check.ts';

/** A misspelt setting would otherwise silently have its default. */
export function unknownSettings(input: CompleteInput): Check[] {
  const known = withDefaults({});
  const section = (section: string, given: object, wanted: object) =>
    Object.entries(given).map(([key, value]): Check => {
      if (Object.hasOwn(wanted, key)) return null;
      const path = section === '' ? key : `${section}.${key}`;
      const where = section === '' ? '' : ` of ${section}`;
      const message = `unknown setting "${path}". Known settings${where}: ${Object.keys(wanted).join(', ')}.`;
      return { path, value, allowed: 'a known setting', message };
    });
  return [
    ...section('', input, known),
    ...section('primary', input.primary, known.primary),
    ...(input.dr === null || known.dr === null ? [] : section('dr', input.dr, known.dr)),
    ...section('instanceTypes', input.instanceTypes, known.instanceTypes),
    ...section('volumes', input.volumes, known.volumes),
    ...section('patroni', input.patroni, known.patroni),
    ...section('backups', input.backups, known.backups),
  ];
}

/**
 * Parameter Store refuses names that begin with aws or ssm, EC2 group names that begin with sg-, ELB names that begin with
 * internal-, S3 bucket names that begin with sthree- or amzn-s3-demo- (the services' naming rules).
 */
const reservedBeginnings = ['aws', 'ssm', 'sg', 'internal', 'sthree', 'amzn-s3-demo'];

/** Names, the durability, and where alerts and pages lead. */
export function names(input: CompleteInput): Check[] {
  // Names end up in bucket names (63 characters, shared by the whole world) and IAM roles (64): short ones always fit.
  const word = (path: 'project' | 'environment', longest: number) =>
    check(
      new RegExp(`^[a-z][a-z0-9-]{0,${longest - 2}}[a-z0-9]$`).test(input[path]) && !input[path].includes('--'),
      path,
      input[path],
      `2 to ${longest} lower-case letters, digits and single hyphens, beginning with a letter, such as "${path === 'project' ? 'pgha' : 'prod'}"`,
    );
  return [
    word('project', 16),
    word('environment', 12),
    check(
      !reservedBeginnings.some((beginning) => input.project.startsWith(beginning)),
      'project',
      input.project,
      `a name that does not begin with ${reservedBeginnings.join(', ')}`,
      'AWS reserves these prefixes',
    ),
    check(
      ['zero-loss', 'available'].includes(input.durability),
      'durability',
      input.durability,
      '"zero-loss" or "available"',
      '"zero-loss" blocks writes rather than lose one; with "available" a surviving node continues alone',
    ),
    check(
      input.alertEmail === null || /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(input.alertEmail),
      'alertEmail',
      input.alertEmail,
      'an e-mail address such as name@example.com, or null for no e-mail',
    ),
    check(
      input.documentationUrl === null || /^https?:\/\/[^\s"<>]+[^\s"<>/]$/.test(input.documentationUrl),
      'documentationUrl',
      input.documentationUrl,
      'an http(s) URL without a slash at its end, such as "https://github.com/OWNER/REPOSITORY/blob/main/docs", or null',
    ),
    check(input.awsProfile !== '', 'awsProfile', input.awsProfile, 'the name of a profile in ~/.aws/config'),
  ];
}
