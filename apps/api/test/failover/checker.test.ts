import { describe, expect, it } from 'vitest';
import { check, isClean } from './checker.ts';
import { type MemberTables, type Operation, tally } from './history.ts';

/** A history of four writes and two reads in which everything went well, and the tables that go with it. */
function goodRun(): { history: Operation[]; members: MemberTables[] } {
  const history = [
    write('create', 'POST', '1', 'a', 0, 10),
    write('create', 'POST', '2', 'b', 5, 15),
    write('update', 'PUT', '1', 'c', 20, 30),
    write('delete', 'DELETE', '2', null, 20, 30),
    read('1', 'c', 40, 45),
    read('2', null, 40, 45),
  ];
  return { history, members: [tables('pg1'), tables('pg2')] };
}

function tables(member: string): MemberTables {
  return {
    member,
    rows: [{ id: '1', value: 'c' }],
    ledger: [
      { change: 'INSERT', id: '1', value: 'a' },
      { change: 'INSERT', id: '2', value: 'b' },
      { change: 'UPDATE', id: '1', value: 'c' },
      { change: 'DELETE', id: '2', value: 'b' },
    ],
  };
}

function write(
  kind: 'create' | 'update' | 'delete',
  method: Operation['method'],
  item: string | null,
  value: string | null,
  invokedAt: number,
  endedAt: number,
  outcome: Operation['outcome'] = 'ok',
): Operation {
  const told = outcome === 'ok' ? '2xx' : outcome === 'fail' ? '503' : '504';
  return {
    client: 0,
    kind,
    method,
    item,
    value,
    invokedAt,
    endedAt,
    outcome,
    told,
    sees: null,
    answerFits: true,
  };
}

function read(item: string, value: string | null, invokedAt: number, endedAt: number, client = 1): Operation {
  const told = value === null ? '404' : '200';
  return {
    client,
    kind: 'read',
    method: 'GET',
    item,
    value,
    invokedAt,
    endedAt,
    outcome: 'ok',
    told,
    sees: 'everybody',
    answerFits: true,
  };
}

/** The good run after something went wrong on every member, or on one. */
function spoilt(
  spoil: (tables: MemberTables, history: Operation[]) => void,
  which: 'every member' | 'one member' = 'every member',
) {
  const { history, members } = goodRun();
  for (const each of which === 'one member' ? members.slice(1) : members) spoil(each, history);
  return check(history, members);
}

describe('check', () => {
  it('passes a run in which everything went well', () => {
    const { history, members } = goodRun();
    expect(isClean(check(history, members))).toBe(true);
  });

  it('finds a lost create', () => {
    const verdict = spoilt((each) => {
      each.rows = [];
      each.ledger = each.ledger.filter(({ id }) => id !== '1');
    });
    expect(verdict.lost.length).toBeGreaterThan(0);
  });

  it('finds a lost create whose row alone is missing', () => {
    expect(spoilt((each) => each.rows.pop()).lost.length).toBeGreaterThan(0);
  });

  it('finds a lost update, also where the row holds the value before', () => {
    const verdict = spoilt((each) => {
      each.rows = [{ id: '1', value: 'a' }];
      each.ledger = each.ledger.filter(({ value }) => value !== 'c');
    });
    expect(verdict.lost.length).toBeGreaterThan(0);
    expect(verdict.stale.length).toBeGreaterThan(0);
  });

  it('finds a lost delete', () => {
    const verdict = spoilt((each) => {
      each.rows.push({ id: '2', value: 'b' });
      each.ledger.pop();
    });
    expect(verdict.lost.length).toBeGreaterThan(0);
  });

  it('finds what one member alone has lost', () => {
    const verdict = spoilt((each) => each.rows.pop(), 'one member');
    expect(verdict.lost.length).toBeGreaterThan(0);
    expect(verdict.diverged.length).toBe(1);
  });

  it('finds a doubled create: one value in two rows', () => {
    const verdict = spoilt((each) => {
      each.rows.push({ id: '3', value: 'c' });
    });
    expect(verdict.doubled.length).toBeGreaterThan(0);
  });

  it('finds a doubled update, which the table alone cannot show', () => {
    const verdict = spoilt((each) => each.ledger.push({ change: 'UPDATE', id: '1', value: 'c' }));
    expect(verdict.doubled.length).toBeGreaterThan(0);
  });

  it('finds an invented row', () => {
    const verdict = spoilt((each) => {
      each.rows.push({ id: '9', value: 'x' });
      each.ledger.push({ change: 'INSERT', id: '9', value: 'x' });
    });
    expect(verdict.invented.length).toBeGreaterThan(0);
  });

  it('finds an invented row that left no trace but itself', () => {
    expect(spoilt((each) => each.rows.push({ id: '9', value: 'x' })).invented.length).toBeGreaterThan(0);
  });

  it('finds a write that was applied although its client was told it was not', () => {
    const verdict = spoilt((_, history) => {
      for (const operation of history)
        if (operation.value === 'c' && operation.kind === 'update') operation.outcome = 'fail';
    });
    expect(verdict.invented.length).toBeGreaterThan(0);
  });

  it('accepts a write of unknown outcome whether it was applied or not', () => {
    const { history, members } = goodRun();
    history.push(
      write('update', 'PATCH', '1', 'd', 50, 60, 'unknown'),
      write('create', 'POST', null, 'e', 50, 60, 'unknown'),
    );
    expect(isClean(check(history, members))).toBe(true);
    for (const each of members) {
      each.rows = [
        { id: '1', value: 'd' },
        { id: '3', value: 'e' },
      ];
      each.ledger.push({ change: 'UPDATE', id: '1', value: 'd' }, { change: 'INSERT', id: '3', value: 'e' });
    }
    expect(isClean(check(history, members))).toBe(true);
  });

  it('accepts concurrent writes to a row in either order, and refuses an order that time forbids', () => {
    const { history, members } = goodRun();
    history.push(write('update', 'PUT', '1', 'd', 25, 35));
    for (const each of members) each.ledger.splice(2, 0, { change: 'UPDATE', id: '1', value: 'd' });
    expect(isClean(check(history, members))).toBe(true);
    for (const operation of history) if (operation.value === 'd') operation.invokedAt = 31;
    expect(check(history, members).stale.length).toBeGreaterThan(0);
  });

  it('finds a stale read, and one of a value nobody wrote', () => {
    const { history, members } = goodRun();
    expect(check([...history, read('1', 'a', 40, 45)], members).stale).toHaveLength(1);
    expect(check([...history, read('1', 'x', 40, 45)], members).invented).toHaveLength(1);
    expect(check([...history, read('1', null, 40, 45)], members).invented).toHaveLength(1);
  });

  it('lets a replica show an older value to others, and never to the client that wrote the newer one', () => {
    const { history, members } = goodRun();
    const onReplica = (client: number): Operation => ({ ...read('1', 'a', 40, 45, client), sees: 'itself' });
    expect(isClean(check([...history, onReplica(1)], members))).toBe(true);
    expect(check([...history, onReplica(0)], members).stale).toHaveLength(1);
  });

  it('finds an answer that was not the request’s own', () => {
    const verdict = spoilt((_, history) => {
      for (const operation of history.slice(0, 1)) operation.answerFits = false;
    });
    expect(verdict.wrongAnswers).toHaveLength(1);
  });
});

describe('tally', () => {
  it('counts requests and errors, and measures the longest gap between acknowledged writes', () => {
    const { history } = goodRun();
    history.push(write('create', 'POST', '4', 'f', 100, 800), write('create', 'POST', null, 'g', 810, 900, 'unknown'));
    expect(tally(history)).toEqual({
      requests: { POST: 4, PUT: 1, DELETE: 1, GET: 2 },
      errors: { 'POST: 504': 1 },
      acknowledgedWrites: 5,
      longestGapMs: 770,
      held: 1,
      slowestMs: 700,
    });
  });
});
