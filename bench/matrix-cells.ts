/** Every model of a folder grown by every task that applies to it, each judged in onnxruntime. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { GrowError, grow, type Inspection, inspect, verify } from '../src/index.ts';

/** A growth that the matrix tries, and the models it is for. */
export interface Task {
  readonly name: string;
  /** Steps, and others to try where the sizes are not legal. */
  readonly attempts: readonly (readonly string[])[];
  readonly fits: (model: Inspection) => boolean;
}

const attentionOf = (model: Inspection) => model.layers.flatMap((layer) => layer.attention);
const hasMlp = (model: Inspection): boolean => model.layers.some((layer) => layer.mlp !== null);
const isTransformer = (model: Inspection): boolean => attentionOf(model).length > 0;
const isGrouped = (model: Inspection): boolean => attentionOf(model).some((own) => own.kvHeads > 1 && own.kvHeads < own.heads);

/** The next legal size. */
const NEXT = 'x1.000001';

const six = (v: string, qk: string): readonly string[] => ['mlp=x1.5', `heads=${NEXT}`, `v=${v}`, `qk=${qk}`, 'hidden=+16', 'layers=+1'];

export const TASKS: readonly Task[] = [
  { name: 'mlp', attempts: [['mlp=x1.5']], fits: hasMlp },
  { name: 'heads', attempts: [[`heads=${NEXT}`]], fits: isTransformer },
  { name: 'kv-heads', attempts: [[`kv-heads=${NEXT}`]], fits: isGrouped },
  { name: 'v', attempts: [['v=+4'], [`v=${NEXT}`]], fits: isTransformer },
  { name: 'qk', attempts: [['qk=+4'], [`qk=${NEXT}`]], fits: isTransformer },
  { name: 'hidden', attempts: [['hidden=+16']], fits: isTransformer },
  { name: 'hidden x2', attempts: [['hidden=x2']], fits: isTransformer },
  { name: 'layers', attempts: [['layers=+1']], fits: isTransformer },
  { name: 'all six', attempts: [six('+4', '+4'), six('x2', 'x2')], fits: (model) => isTransformer(model) && hasMlp(model) },
];

/** One model grown by one task. */
export interface Cell {
  readonly model: string;
  readonly task: string;
  /** A verdict of verify, `refused` (the tool says why not), `lacking` (the model has no such block) or `failed` (a bug). */
  readonly outcome: 'bit-exact' | 'rounding' | 'changed' | 'inconclusive' | 'refused' | 'lacking' | 'failed';
  readonly maxRelative: number | null;
  readonly parametersAdded: number | null;
  /** Why the outcome is not bit-exact or rounding; the form of norms where the hidden width grew. */
  readonly note: string;
  readonly seconds: number;
}

/** All ONNX files of a folder, or the file itself. */
export function modelsIn(place: string): string[] {
  if (place.endsWith('.onnx')) return [place];
  return readdirSync(place)
    .filter((name) => name.endsWith('.onnx'))
    .sort()
    .map((name) => path.join(place, name));
}

/** Grows and judges one cell. Never throws. */
export async function runCell(file: string, task: Task): Promise<Cell> {
  const started = performance.now();
  const folder = mkdtempSync(path.join(tmpdir(), 'onnx-grow-matrix-'));
  const cell = (outcome: Cell['outcome'], rest: Partial<Cell> = {}): Cell => ({
    model: path.basename(file, '.onnx'),
    task: task.name,
    outcome,
    maxRelative: null,
    parametersAdded: null,
    note: '',
    seconds: (performance.now() - started) / 1000,
    ...rest,
  });
  try {
    if (!task.fits(inspect(file))) return cell('lacking');
    const grown = growFirst(file, task.attempts);
    const { parametersAdded, norm } = grown.report;
    const output = path.join(folder, 'grown.onnx');
    await grown.save(output, { verify: false });
    const { verdict, maxRelative, reason } = await verify(file, output);
    return cell(verdict, { maxRelative, parametersAdded, note: [norm ?? '', reason ?? ''].filter((part) => part !== '').join(': ') });
  } catch (error) {
    if (error instanceof GrowError && error.exitCode === 4) return cell('refused', { note: `${error.code}: ${error.message}` });
    const where = error instanceof GrowError ? error.code : 'bug';
    return cell('failed', { note: `${where}: ${error instanceof Error ? error.message : String(error)}` });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Grows by the first attempt whose sizes are legal. */
export function growFirst(file: string, attempts: Task['attempts']): ReturnType<typeof grow> {
  const [steps = [], ...others] = attempts;
  try {
    return grow(file, steps, { seed: 7 });
  } catch (error) {
    if (others.length === 0 || !(error instanceof GrowError) || error.code !== 'ILLEGAL_SIZE') throw error;
    return growFirst(file, others);
  }
}

/** Runs all cells, `lanes` at a time; `onCell` hears of each. */
export async function runMatrix(files: readonly string[], tasks: readonly Task[], lanes: number, onCell: (cell: Cell) => void): Promise<Cell[]> {
  const queue = files.flatMap((file) => tasks.map((task) => ({ file, task })));
  const cells: Cell[] = new Array<Cell>(queue.length);
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < queue.length; i = next++) {
      const { file, task } = queue[i] as (typeof queue)[number];
      const cell = await runCell(file, task);
      cells[i] = cell;
      onCell(cell);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return cells;
}

const MARKS: Readonly<Record<Cell['outcome'], string>> = {
  'bit-exact': '=',
  rounding: '≈',
  changed: 'CHANGED',
  inconclusive: '?',
  refused: 'refused',
  lacking: '–',
  failed: 'FAILED',
};

/** The cells as a Markdown table, counts per task below it, and then why cells are neither exact nor rounding. */
export function matrixMarkdown(cells: readonly Cell[]): string {
  const tasks = [...new Set(cells.map((cell) => cell.task))];
  const models = [...new Set(cells.map((cell) => cell.model))];
  const at = (model: string, task: string): Cell | undefined => cells.find((cell) => cell.model === model && cell.task === task);
  const row = (list: readonly string[]): string => `| ${list.join(' | ')} |`;
  const outcomes = (Object.keys(MARKS) as Cell['outcome'][]).filter((outcome) => cells.some((cell) => cell.outcome === outcome));
  const count = (task: string, outcome: string): string => String(cells.filter((cell) => cell.task === task && cell.outcome === outcome).length);
  const reasons = groupBy(
    cells.filter((cell) => !['bit-exact', 'rounding', 'lacking'].includes(cell.outcome)),
    (cell) => `${cell.outcome}: ${cell.note}`,
  );
  return [
    '`=` bit-exact, `≈` rounding (largest |Δ| / largest |y|), `–` the model has no such block; below each, parameters added.',
    '',
    row(['model', ...tasks]),
    row(['---', ...tasks.map(() => '---')]),
    ...models.map((model) => row([model, ...tasks.map((task) => cellText(at(model, task)))])),
    '',
    row(['', ...tasks]),
    row(['---', ...tasks.map(() => '---')]),
    ...outcomes.map((outcome) => row([outcome, ...tasks.map((task) => count(task, outcome))])),
    '',
    ...[...reasons]
      .sort((a, b) => b[1].length - a[1].length)
      .map(([reason, own]) => `- ${own.map((cell) => `${cell.model} ${cell.task}`).join(', ')} — ${reason}`),
    '',
  ].join('\n');
}

function cellText(cell: Cell | undefined): string {
  if (cell === undefined) return '';
  const size = cell.outcome === 'rounding' || cell.outcome === 'changed' ? ` ${cell.maxRelative?.toExponential(1) ?? ''}` : '';
  const added = cell.parametersAdded === null ? '' : `<br>+${cell.parametersAdded.toLocaleString('en-US')}`;
  return `${MARKS[cell.outcome]}${size}${added}`;
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
