import type { ItemFields } from '@pgha/db';
import { type Static, Type } from 'typebox';
import { Problem } from '../problems.ts';

/** Neither NUL, which PostgreSQL cannot store, nor half of a surrogate pair, which UTF-8 cannot say. */
const storable = '^[^\\u0000\\p{Cs}]*$';
/** numeric(12, 2) */
const highestPrice = 9_999_999_999.99;

const fields = {
  name: Type.String({ minLength: 1, maxLength: 255, pattern: storable }),
  description: Type.Union([Type.String({ maxLength: 1000, pattern: storable }), Type.Null()]),
  price: Type.Number({ minimum: 0, maximum: highestPrice, description: 'at most two decimal places' }),
  is_active: Type.Boolean(),
};
const example = { name: 'Keyboard', description: 'Mechanical, 87 keys', price: 129.9, is_active: true };

export const NewItemSchema = Type.Object(
  {
    name: fields.name,
    description: Type.Optional(fields.description),
    price: fields.price,
    is_active: Type.Optional(fields.is_active),
  },
  { $id: 'NewItem', additionalProperties: false, examples: [example] },
);
export type NewItem = Static<typeof NewItemSchema>;

export const ItemChangesSchema = Type.Object(
  {
    name: Type.Optional(fields.name),
    description: Type.Optional(fields.description),
    price: Type.Optional(fields.price),
    is_active: Type.Optional(fields.is_active),
  },
  { $id: 'ItemChanges', additionalProperties: false, minProperties: 1, examples: [{ price: 119.9 }] },
);
export type ItemChanges = Static<typeof ItemChangesSchema>;

export const ItemSchema = Type.Object(
  {
    id: Type.Integer(),
    name: Type.String(),
    description: Type.Union([Type.String(), Type.Null()]),
    price: Type.Number(),
    is_active: Type.Boolean(),
    created_at: Type.String({ format: 'date-time' }),
    updated_at: Type.String({ format: 'date-time' }),
  },
  {
    $id: 'Item',
    examples: [
      { id: 1, ...example, created_at: '2026-01-15T14:30:00.000000Z', updated_at: '2026-01-15T14:30:00.000000Z' },
    ],
  },
);

export const ItemParamsSchema = Type.Object({
  id: Type.String({ pattern: '^[0-9]{1,30}$', description: 'item id', examples: ['1'] }),
});

export const PageQuerySchema = Type.Object(
  {
    skip: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: 1_000_000,
      description: 'rows to skip; prefer `after`',
    }),
    limit: Type.Integer({ default: 100, minimum: 1, maximum: 1_000 }),
    active_only: Type.Boolean({ default: false }),
    after: Type.Optional(
      Type.String({ pattern: '^[0-9]{1,30}$', description: 'return only ids greater than this one' }),
    ),
  },
  { additionalProperties: false },
);

const highestId = 2n ** 63n - 1n;
/** Nearly every id: below the highest whatever its digits are, and already as the database writes it. */
const commonId = /^[1-9][0-9]{0,17}$/;

/** The id of a path; null for one that no row can have. */
export function parseId(text: string): string | null {
  if (commonId.test(text)) return text;
  const id = BigInt(text);
  return id >= 1n && id <= highestId ? id.toString() : null;
}

/** The fields of a request in the database's terms. Throws a validation problem for a price of more than two decimals. */
export function toFields(item: NewItem, path = 'body'): ItemFields {
  return {
    name: item.name,
    description: item.description ?? null,
    price: toPrice(item.price, path),
    isActive: item.is_active ?? true,
  };
}

export function toChanges(changes: ItemChanges): Partial<ItemFields> {
  return {
    ...(changes.name === undefined ? {} : { name: changes.name }),
    ...(changes.description === undefined ? {} : { description: changes.description }),
    ...(changes.price === undefined ? {} : { price: toPrice(changes.price, 'body') }),
    ...(changes.is_active === undefined ? {} : { isActive: changes.is_active }),
  };
}

function toPrice(price: number, path: string): string {
  const text = price.toFixed(2);
  if (Number(text) === price) return text;
  const error = { path: `${path}/price`, message: 'must have at most two decimal places' };
  throw new Problem('validation', `${error.path} ${error.message}`, { extra: { errors: [error] } });
}
