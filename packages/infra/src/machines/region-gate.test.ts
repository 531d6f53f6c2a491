import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

/** A region as the gate reads it. */
interface Region {
  answers: boolean;
  known: boolean;
  standby: boolean;
  epoch: number;
}

interface Facts {
  own: Region & { leads: boolean };
  peer: Region;
  met: boolean;
  confirmed: boolean;
}

const folder = fileURLToPath(new URL('./programs', import.meta.url));
const silent: Region = { answers: false, known: false, standby: false, epoch: 0 };
const empty: Region = { answers: true, known: false, standby: false, epoch: 0 };
const region = (standby: boolean, epoch: number): Region => ({ answers: true, known: true, standby, epoch });
const regions = [silent, empty, ...[1, 2, 3].flatMap((epoch) => [region(false, epoch), region(true, epoch)])];
const booleans = [false, true];

/** Everything the gate can be told. */
const everyFact: readonly Facts[] = regions.flatMap((own) =>
  regions.flatMap((peer) =>
    booleans.flatMap((leads) =>
      booleans.flatMap((met) => booleans.map((confirmed): Facts => ({ own: { ...own, leads }, peer, met, confirmed }))),
    ),
  ),
);

/** What the machines' own program decides, of all of them at once. */
const verdicts = ((): ReadonlyMap<string, boolean> => {
  const script =
    'import json, sys, pgha_region\njson.dump([pgha_region.decide(f)[0] for f in json.load(sys.stdin)], sys.stdout)';
  const options = {
    input: JSON.stringify(everyFact),
    env: { ...process.env, PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' },
  };
  const opened = JSON.parse(execFileSync('python3', ['-c', script], options).toString()) as boolean[];
  return new Map(everyFact.map((facts, index) => [JSON.stringify(facts), opened[index] === true]));
})();
const opens = (facts: Facts): boolean => verdicts.get(JSON.stringify(facts)) ?? expect.fail(JSON.stringify(facts));
const acts = ({ answers, known, standby }: Region) => answers && known && !standby;

describe('the gate of a region', () => {
  it('always opens for a standby, whatever the other region is', () => {
    const standbys = everyFact.filter(({ own }) => own.answers && own.standby);
    expect(standbys.length).toBeGreaterThan(100);
    expect(standbys.every(opens)).toBe(true);
  });

  it('never opens beside a region that acts with the same epoch or a higher one, whoever says so', () => {
    const givenUp = everyFact.filter(({ own, peer }) => acts(peer) && !own.standby && own.epoch <= peer.epoch);
    expect(givenUp.length).toBeGreaterThan(50);
    expect(givenUp.some(opens)).toBe(false);
  });

  it('stays closed after a cold start while the other region is silent, until a person says otherwise', () => {
    const cold = everyFact.filter(({ own, peer, met }) => acts(own) && !own.leads && !peer.answers && met);
    expect(cold.map((facts) => opens(facts) === facts.confirmed)).not.toContain(false);
    expect(cold.length).toBeGreaterThan(5);
  });

  it('opens for a new cluster, and for one whose second region was never there', () => {
    const alone = { own: { ...region(false, 1), leads: false }, peer: silent, met: false, confirmed: false };
    expect(opens(alone)).toBe(true);
    expect(opens({ ...alone, own: { ...empty, leads: false } })).toBe(true);
    // not where the other region holds the data and acts: a new cluster would begin beside it
    expect(opens({ ...alone, own: { ...empty, leads: false }, peer: region(false, 1) })).toBe(false);
  });

  it('keeps nobody from joining a region that lives', () => {
    const living = everyFact.filter(({ own, peer }) => acts(own) && own.leads && !acts(peer));
    expect(living.every(opens)).toBe(true);
  });
});

/** A region of the model: one etcd, one cluster. */
interface Side {
  on: boolean;
  standby: boolean;
  epoch: number;
  /** Its servers run: as a primary unless it is a standby. */
  runs: boolean;
  confirmed: boolean;
  met: boolean;
}

interface World {
  sides: readonly [Side, Side];
  linked: boolean;
  /** A failover went ahead without a fence, and the region it gave up has not been seen to end yet. */
  isUnfenced: boolean;
}

const begin = (): World => ({
  sides: [
    { on: true, standby: false, epoch: 1, runs: true, confirmed: false, met: true },
    { on: true, standby: true, epoch: 1, runs: true, confirmed: false, met: true },
  ],
  linked: true,
  isUnfenced: false,
});

const primaries = ({ sides }: World) => sides.filter(({ on, runs, standby }) => on && runs && !standby);
const seenBy = ({ sides, linked }: World, which: 0 | 1): Region => {
  const { on, standby, epoch } = sides[which === 0 ? 1 : 0];
  // the gate compares; three epochs are as good as many
  return linked && on ? region(standby, epoch) : silent;
};

/** The gate's look, as often as its unit repeats it. */
function tryToStart(world: World, which: 0 | 1): void {
  const side = world.sides[which];
  if (!side.on || side.runs) return;
  const peer = seenBy(world, which);
  const rank = (epoch: number) => (epoch < side.epoch ? 1 : epoch === side.epoch ? 2 : 3);
  const facts: Facts = {
    own: { ...region(side.standby, 2), leads: false },
    peer: peer.answers ? { ...peer, epoch: rank(peer.epoch) } : peer,
    met: side.met,
    confirmed: side.confirmed,
  };
  side.runs = opens(facts);
}

/** The watch's look: a region that was given up ends by itself once it can know. */
function look(world: World, which: 0 | 1): void {
  const side = world.sides[which];
  const peer = seenBy(world, which);
  if (side.on && side.runs && !side.standby && acts(peer) && peer.epoch > side.epoch) {
    side.runs = false;
    side.confirmed = false;
  }
  if (!world.sides.some((each, index) => isGivenUp(each, world.sides[index === 0 ? 1 : 0]))) world.isUnfenced = false;
}

/** It acts although the other region took over, and ends when it can see that; until then the other one may go off and come back. */
const isGivenUp = ({ on, runs, standby, epoch }: Side, other: Side) => on && runs && !standby && epoch < other.epoch;

type Act = (world: World, which: 0 | 1) => void;
const actions: Readonly<Record<string, Act>> = {
  cutLink: (world) => void Object.assign(world, { linked: false }),
  healLink: (world) => void Object.assign(world, { linked: true }),
  powerCut: ({ sides }, which) => void Object.assign(sides[which], { on: false, runs: false, confirmed: false }),
  powerOn: ({ sides }, which) => void Object.assign(sides[which], { on: true }),
  tryToStart,
  look,
  /** The standby takes over; the other region is off for certain. */
  failover: (world, which) => {
    const [to, from] = [world.sides[which], world.sides[which === 0 ? 1 : 0]];
    if (!to.on || !to.runs || !to.standby) return;
    Object.assign(from, { on: false, runs: false, confirmed: false });
    // blind: what the lost region's epoch was is known from when it was last heard of
    Object.assign(to, { standby: false, epoch: Math.max(to.epoch, from.epoch) + 1 });
  },
  /** A person went ahead without that. */
  failoverUnfenced: (world, which) => {
    const [to, from] = [world.sides[which], world.sides[which === 0 ? 1 : 0]];
    if (!to.on || !to.runs || !to.standby) return;
    world.isUnfenced = from.on && from.runs;
    Object.assign(to, { standby: false, epoch: Math.max(to.epoch, from.epoch) + 1 });
  },
  /** The region that was given up is rebuilt as the standby. */
  rejoin: (world, which) => {
    const [lost, acting] = [world.sides[which], world.sides[which === 0 ? 1 : 0]];
    const isGivenUp = lost.on && !lost.runs && acting.on && acting.runs && !acting.standby && world.linked;
    if (isGivenUp && (lost.standby || lost.epoch < acting.epoch)) {
      Object.assign(lost, { standby: true, epoch: acting.epoch });
    }
  },
  /** A person who is right: the other region does not act, and will not start by itself. */
  confirm: ({ sides }, which) => {
    const other = sides[which === 0 ? 1 : 0];
    if (sides[which].on && !other.on && sides[which].epoch >= other.epoch) sides[which].confirmed = true;
  },
};

const history = (names: readonly string[]) =>
  fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(0 as const, 1 as const)), { maxLength: 40 });
const play = (world: World, [name, which]: [string, 0 | 1]) => actions[name]?.(world, which);

describe('two regions, in any order of faults and commands', () => {
  const fenced = Object.keys(actions).filter((name) => name !== 'failoverUnfenced');

  it('never have two primaries when every failover was fenced', () => {
    fc.assert(
      fc.property(history(fenced), (steps) => {
        const world = begin();
        for (const step of steps) {
          play(world, step);
          expect(primaries(world).length).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('have two only after an unfenced failover, and one again as soon as they can see each other', () => {
    fc.assert(
      fc.property(history(Object.keys(actions)), (steps) => {
        const world = begin();
        for (const step of steps) {
          play(world, step);
          if (!world.isUnfenced) expect(primaries(world).length).toBeLessThanOrEqual(1);
        }
        world.linked = true;
        for (const which of [0, 1] as const) look(world, which);
        expect(primaries(world).length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 3_000 },
    );
  });

  it('have one after any history, once both are on, see each other, and whoever was given up was rebuilt', () => {
    fc.assert(
      fc.property(history(Object.keys(actions)), (steps) => {
        const world = begin();
        for (const step of steps) play(world, step);
        world.linked = true;
        for (const side of world.sides) side.on = true;
        for (const _round of [1, 2, 3])
          for (const which of [0, 1] as const) {
            look(world, which);
            tryToStart(world, which);
            actions['rejoin']?.(world, which);
          }
        expect(primaries(world)).toHaveLength(1);
      }),
      { numRuns: 3_000 },
    );
  });
});
