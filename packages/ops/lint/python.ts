import { spawnSync } from 'node:child_process';
import { glob, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { PositionEncoding, Workspace } from '@astral-sh/ruff-wasm-nodejs';
import exceptions from './python-exceptions.json' with { type: 'json' };

/**
 * Types (pyright, set up in pyproject.toml) and lint (ruff) of the programs that run on the nodes. A rule that a file does not pass
 * yet is an exception in python-exceptions.json; one that nothing needs any longer is an error, so that the list only shrinks.
 */

interface Hit {
  readonly file: string;
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

/** Of pyright's and ruff's output, what is read here. */
interface PyrightReport {
  readonly generalDiagnostics: readonly {
    readonly file: string;
    readonly rule?: string;
    readonly message: string;
    readonly range: { readonly start: { readonly line: number } };
  }[];
}
interface RuffDiagnostic {
  readonly code: string | null;
  readonly message: string;
  readonly start_location: { readonly row: number };
}

const root = fileURLToPath(new URL('../../../', import.meta.url));
const folders = 'packages/infra/{src/machines,test}/programs/*.py';
/** Milliseconds; pyright takes ten seconds on a machine that is at rest. */
const PYRIGHT_DEADLINE = 300_000;
const ruffOptions = {
  'target-version': 'py311',
  lint: {
    select: ['B', 'C4', 'DTZ', 'E', 'F', 'PIE', 'PLE', 'PLW', 'RET', 'SIM', 'T10', 'UP', 'W'],
    // the length of a line is a matter of taste: SQL and messages stay in one piece
    ignore: ['E501'],
  },
};

function checkTypes(): readonly Hit[] {
  const program = fileURLToPath(import.meta.resolve('pyright/index.js'));
  const options = { cwd: root, encoding: 'utf8', timeout: PYRIGHT_DEADLINE, maxBuffer: 1 << 26 } as const;
  const ended = spawnSync(process.execPath, [program, '--outputjson'], options);
  // 1: it found something
  if (ended.error !== undefined || (ended.status !== 0 && ended.status !== 1))
    throw new Error(`pyright failed: ${ended.error?.message ?? ended.stderr}\n${ended.stdout ?? ''}`);
  const { generalDiagnostics } = JSON.parse(ended.stdout) as PyrightReport;
  return generalDiagnostics.map(({ file, rule = 'syntax', message, range }) => ({
    file: file.slice(root.length),
    line: range.start.line + 1,
    rule,
    message: message.replaceAll(/\s+/g, ' '),
  }));
}

function lint(file: string, text: string): readonly Hit[] {
  const workspace = new Workspace(ruffOptions, PositionEncoding.Utf16);
  const found: readonly RuffDiagnostic[] = workspace.check(text);
  workspace.free();
  return found.map(({ code, message, start_location: { row } }) => ({
    file,
    line: row,
    rule: code ?? 'syntax',
    message,
  }));
}

const files: string[] = [];
for await (const file of glob(folders, { cwd: root })) files.push(file);
files.sort();
const texts = await Promise.all(files.map(async (file) => lint(file, await readFile(`${root}${file}`, 'utf8'))));
const hits = [...texts.flat(), ...checkTypes()];
const excused: Readonly<Record<string, readonly string[]>> = exceptions.files;
const reasons: Readonly<Record<string, string>> = exceptions.reasons;
const needed = new Set(hits.map(({ file, rule }) => `${file}: ${rule}`));
const listed = Object.entries(excused).flatMap(([file, rules]) => rules.map((rule) => ({ file, rule })));
const failures = hits.filter(({ file, rule }) => !excused[file]?.includes(rule));
const report = [
  ...failures.map(({ file, line, rule, message }) => `${file}:${line}: ${rule}: ${message}`),
  ...listed
    .filter(({ file, rule }) => !needed.has(`${file}: ${rule}`))
    .map(({ file, rule }) => `python-exceptions.json: nothing needs the exception ${rule} of ${file}`),
  ...[...new Set(listed.map(({ rule }) => rule))]
    .filter((rule) => reasons[rule] === undefined)
    .map((rule) => `python-exceptions.json: the exception ${rule} has no reason`),
  ...Object.keys(reasons)
    .filter((rule) => !listed.some((each) => each.rule === rule))
    .map((rule) => `python-exceptions.json: the reason of ${rule} is of no exception`),
];
const summary = `python: ${files.length} files, ${report.length} problems, ${listed.length} exceptions`;
process.stdout.write([...report, summary].map((line) => `${line}\n`).join(''));
process.exitCode = files.length > 0 && report.length === 0 ? 0 : 1;
