import type { TObject } from 'typebox';

/** The lines of `.env.example` for a schema: each setting's meaning, and its default commented out. */
export function renderSettings(schema: TObject): string[] {
  return Object.entries(schema.properties).map(([name, property]) => {
    const { description, default: value } = property as { description?: string; default?: unknown };
    return `# ${description}\n#${name}=${value ?? ''}`;
  });
}
