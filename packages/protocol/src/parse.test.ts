import fc from 'fast-check';
import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { check, type Origin, ownRelease, ProtocolError, parse } from './parse.ts';

const Disks = Type.Object({
  machine: Type.String(),
  disks: Type.Array(
    Type.Object({
      mount: Type.String(),
      sizeBytes: Type.Integer(),
      state: Type.Union([Type.Literal('mounted'), Type.Literal('missing'), Type.Null()]),
      files: Type.Optional(Type.Integer()),
    }),
  ),
});
const disk = { mount: '/', sizeBytes: 1, state: null };
const observe: Origin = { program: 'pgha-observe', host: 'pg-1', release: null };

function messageOf(value: unknown, origin: Origin = observe): string {
  try {
    parse(Disks, JSON.stringify(value), origin);
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    return (error as ProtocolError).message;
  }
  throw new Error('it was accepted');
}

describe('parse', () => {
  it('names the program, its node, the field, what was expected and found, and both releases', () => {
    const text = messageOf({ machine: 'pg-1', disks: [disk, { ...disk, sizeBytes: '12' }] });
    expect(text).toBe(
      'pgha-observe on pg-1: field /disks/1/sizeBytes must be integer, found "12" (release of pgha-observe: unknown, ' +
        `it may be the one before; of this pgha: ${ownRelease}). If the node runs an older release, run "pgha apply"`,
    );
  });

  it('tells the release of the other side where it is known', () => {
    const text = messageOf({}, { program: 'pgha-deploy', host: 'api-1', release: '0.1.0' });
    expect(text).toMatch(
      /^pgha-deploy on api-1: field \/machine must exist, found nothing \(release of pgha-deploy: 0\.1\.0; of/,
    );
  });

  it('does not suggest "pgha apply" for what is no program of pgha', () => {
    const text = messageOf([], { program: 'Patroni GET /cluster' });
    expect(text).toBe(
      `Patroni GET /cluster: the answer must be object, found an array (release of this pgha: ${ownRelease})`,
    );
  });

  it('names every alternative of a field', () => {
    const text = messageOf({ machine: 'pg-1', disks: [{ ...disk, state: 'gone' }] });
    expect(text).toContain(
      'field /disks/0/state must be equal to constant "mounted" or be equal to constant "missing" or be null, found "gone"',
    );
  });

  it('accepts fields it does not know, and keeps them', () => {
    const told = { machine: 'pg-1', disks: [{ ...disk, inodes: 7 }], newer: true };
    expect(parse(Disks, JSON.stringify(told), observe)).toEqual(told);
  });

  it('accepts the answer of a release that did not tell an optional field, but not a wrong one', () => {
    expect(parse(Disks, JSON.stringify({ machine: 'pg-1', disks: [disk] }), observe).disks[0]?.files).toBeUndefined();
    expect(messageOf({ machine: 'pg-1', disks: [{ ...disk, files: null }] })).toContain(
      '/disks/0/files must be integer',
    );
  });

  it('says so when there is no JSON, with the beginning of what there is', () => {
    expect(() => parse(Disks, ' \n', observe)).toThrow('pgha-observe on pg-1: expected JSON, found nothing');
    const page = `<html>${'x'.repeat(1_000)}`;
    expect(() => parse(Disks, page, observe)).toThrow(/expected JSON, found "<html>x{53}…/);
  });

  it('never shows a secret, in whichever way the text is wrong', () => {
    const Login = Type.Object({ password: Type.Array(Type.String()), port: Type.String() });
    const origin = { program: 'logins.json', isSecret: true };
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9]{12,40}$/), fc.boolean(), (secret, isJson) => {
        const text = isJson ? JSON.stringify({ password: secret, port: 4_711 }) : `{"password":"${secret}`;
        const error = (() => {
          try {
            return parse(Login, text, origin);
          } catch (thrown) {
            return thrown as Error;
          }
        })() as Error;
        expect(error).toBeInstanceOf(ProtocolError);
        expect(`${error.stack} ${error.cause}`).not.toContain(secret);
      }),
    );
  });

  it('accepts whatever JSON.stringify makes of a value of the schema', () => {
    const state = fc.constantFrom('mounted', 'missing', null);
    const optional = { requiredKeys: ['mount', 'sizeBytes', 'state'] as ('mount' | 'sizeBytes' | 'state')[] };
    const one = fc.record({ mount: fc.string(), sizeBytes: fc.maxSafeInteger(), state, files: fc.nat() }, optional);
    fc.assert(
      fc.property(fc.record({ machine: fc.string(), disks: fc.array(one) }), (told) => {
        // -0 is written as 0
        expect(JSON.stringify(parse(Disks, JSON.stringify(told), observe))).toBe(JSON.stringify(told));
      }),
    );
  });

  it('names a field of what is wrong, whatever the value is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          expect(check(Disks, value, observe)).toBe(value);
        } catch (error) {
          expect((error as Error).message).toMatch(
            /^pgha-observe on pg-1: (the answer|field \/\S+) must .+, found .+ \(release/,
          );
        }
      }),
    );
  });
});
