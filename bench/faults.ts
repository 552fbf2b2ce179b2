/**
 * `npm run faults -- [--seed 1] [--architectures 12] [--runs 2] [--json planted.jsonl] [fixtures…]`: faults planted into grown models, each
 * judged by check and, where the model is small, by running it in float64; by verify for some of each kind, and wherever check proves the
 * faulty model. Markdown on stdout.
 */
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { checkModels } from '../src/check/check.ts';
import { GrowError, verify } from '../src/index.ts';
import type { Model } from '../src/onnx/ir.ts';
import { readModel } from '../src/onnx/read.ts';
import { encodeModel } from '../src/onnx/serialize.ts';
import { architectures, buildTransformer } from '../test/support/architecture.ts';
import { FAULTS, type Fault } from '../test/support/faults.ts';
import { GRAPH_FAULTS } from '../test/support/graph-faults.ts';
import { grownBy, reread } from '../test/support/grown-model.ts';
import { recipes } from '../test/support/recipes.ts';
import { largestDifference, load, runsFor } from '../test/support/run-model.ts';

/** A model and what it grew to. */
interface Subject {
  readonly name: string;
  readonly old: Model;
  readonly grown: Model;
  /** Small models run in this process, in the float64 that they are stored in. */
  readonly isDouble: boolean;
}

/** Whether a faulty model computes something else: it does, it does not run, it does not, or nobody looked. */
type Effect = 'moved' | 'refused' | 'equal' | 'unknown';

/** One planted fault and what was found. */
interface Planted {
  readonly kind: string;
  readonly subject: string;
  readonly found: boolean;
  readonly double: Effect;
  readonly single: Effect;
  readonly difference: number | null;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    architectures: { type: 'string', default: '12' },
    runs: { type: 'string', default: '2' },
    picks: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});
const seed = Number(values.seed);
const FIXTURES = [
  'torchscript_paper',
  'dynamo_bert_functions',
  'optimum_gpt2_past',
  'optimum_llama_gqa_past',
  'optimum_t5_decoder_merged',
  'genai_llama_gqa',
  'ortopt_bert',
  'dynamo_vit',
];
const files = positionals.length > 0 ? positionals : FIXTURES.map((name) => `fixtures/${name}.onnx`);
const STEPS = [
  ['mlp=x1.5', 'qk=+4'],
  ['hidden=+16', 'layers=+1'],
];
/** In float64 a true growth of the small models agrees better than this. */
const ROUNDING = 1e-10;

function grownOrNull(model: Model, steps: readonly string[]): Model | null {
  try {
    return reread(grownBy(model, steps).model);
  } catch (error) {
    if (error instanceof GrowError) return null;
    throw error;
  }
}

function subjectsOf(): readonly Subject[] {
  const drawn = fc.sample(
    architectures.chain((a) => recipes(a).map((steps) => ({ a, steps }))),
    { numRuns: Number(values.architectures), seed },
  );
  const built = drawn.flatMap(({ a, steps }, i): Subject[] => {
    const old = reread(buildTransformer(a));
    const grown = grownOrNull(old, steps);
    return grown === null || !checkModels(old, grown).proved ? [] : [{ name: `architecture ${i}: ${steps.join(' ')}`, old, grown, isDouble: true }];
  });
  const read = files.flatMap((file) =>
    STEPS.flatMap((steps): Subject[] => {
      const old = readModel(file);
      const grown = grownOrNull(old, steps);
      const name = `${path.basename(file, '.onnx')}: ${steps.join(' ')}`;
      return grown === null || !checkModels(old, grown).proved ? [] : [{ name, old, grown, isDouble: false }];
    }),
  );
  return [...built, ...read];
}

/** A stream of choices for a text. */
function picker(text: string): (count: number) => number {
  let state = [...text].reduce((hash, sign) => (Math.imul(hash, 31) + sign.charCodeAt(0)) | 0, 17 + seed);
  return (count) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return count === 0 ? 0 : (state >>> 8) % count;
  };
}

/** Both models in float64, in this process. */
async function inDouble({ old }: Subject, faulty: Model): Promise<Pick<Planted, 'double' | 'difference'>> {
  const before = await load(old);
  try {
    const after = await load(faulty);
    try {
      const difference = await largestDifference(before, after, runsFor(old, seed));
      return { double: difference <= ROUNDING ? 'equal' : 'moved', difference };
    } finally {
      await after.release();
    }
  } catch {
    return { double: 'refused', difference: null };
  } finally {
    await before.release();
  }
}

/** What verify says of two files: in float32 and, where it can, in float64. */
async function byVerify(subject: Subject, faulty: Model, folder: string): Promise<Pick<Planted, 'double' | 'single' | 'difference'>> {
  const [old, now] = [path.join(folder, 'old.onnx'), path.join(folder, 'new.onnx')];
  writeFileSync(old, encodeModel(subject.old));
  writeFileSync(now, encodeModel(faulty));
  try {
    const result = await verify(old, now, { seed });
    const { unrounded, threshold } = result.shadow;
    const double = unrounded === null ? 'unknown' : unrounded > threshold ? 'moved' : 'equal';
    return { double, single: result.verdict === 'changed' ? 'moved' : result.verdict === 'inconclusive' ? 'unknown' : 'equal', difference: result.maxRelative };
  } catch {
    return { double: 'refused', single: 'refused', difference: null };
  }
}

const SAMPLE = Number(values.runs);
const planted: Planted[] = [];
const folder = mkdtempSync(path.join(tmpdir(), 'onnx-grow-faults-'));
if (values.json !== undefined) writeFileSync(values.json, '');
const subjects = subjectsOf();
const kinds: readonly Fault[] = [...FAULTS, ...GRAPH_FAULTS];
for (const kind of kinds) {
  let verified = 0;
  for (const subject of subjects) {
    for (let i = 0; i < Number(values.picks); i++) {
      const faulty = kind.plant(subject.grown, subject.old, picker(`${kind.name} ${subject.name} ${i}`));
      if (faulty === null) continue;
      const found = !isProved(subject.old, faulty);
      let effect: Pick<Planted, 'double' | 'single' | 'difference'> = { double: 'unknown', single: 'unknown', difference: null };
      if (subject.isDouble) effect = { ...effect, ...(await inDouble(subject, faulty)) };
      if (!subject.isDouble && (!found || verified < SAMPLE)) {
        verified++;
        effect = await byVerify(subject, faulty, folder);
      }
      const own: Planted = { kind: kind.name, subject: subject.name, found, ...effect };
      planted.push(own);
      if (values.json !== undefined) appendFileSync(values.json, `${JSON.stringify(own)}\n`);
      if (!found) console.error(`proved: ${kind.name} in ${subject.name}: ${effect.double}, ${effect.single}, ${effect.difference}`);
    }
  }
}
rmSync(folder, { recursive: true, force: true });

/** True when check proves the faulty model; a file that is refused is found. */
function isProved(old: Model, faulty: Model): boolean {
  try {
    return checkModels(old, reread(faulty)).proved;
  } catch (error) {
    if (error instanceof GrowError) return false;
    throw error;
  }
}

const hasEffect = (own: Planted): boolean => own.double === 'moved' || own.double === 'refused' || own.single === 'moved' || own.single === 'refused';
const row = (list: readonly (string | number)[]): string => `| ${list.join(' | ')} |`;
const counts = (list: readonly Planted[]): readonly number[] => [
  list.length,
  list.filter((own) => own.found).length,
  list.filter((own) => own.double === 'moved').length,
  list.filter((own) => own.double === 'refused').length,
  list.filter((own) => own.double === 'equal').length,
  list.filter((own) => own.single !== 'unknown').length,
  list.filter((own) => own.single === 'moved' || own.single === 'refused').length,
  list.filter((own) => !own.found && !hasEffect(own)).length,
  list.filter((own) => !own.found && hasEffect(own)).length,
];
console.log(
  `${subjects.length} grown models: ${subjects.filter((own) => own.isDouble).length} of the builder, others of ${files.length} fixtures; seed ${seed}\n`,
);
console.log(
  row([
    'fault',
    'planted',
    'found by check',
    'moved in float64',
    'does not run',
    'equal in float64',
    'verified',
    'found by verify',
    'proved, and equal',
    'missed',
  ]),
);
console.log(row(Array.from({ length: 10 }, () => '---')));
for (const { name } of kinds) console.log(row([name, ...counts(planted.filter((own) => own.kind === name))]));
console.log(row(['all', ...counts(planted)]));
const equal = planted.filter((own) => !own.found);
console.log(
  `\n${equal.map((own) => `- ${own.kind}, ${own.subject}: float64 ${own.double}, verify ${own.single}${own.difference === null ? '' : `, ${own.difference.toExponential(1)}`}`).join('\n')}`,
);
if (planted.some((own) => !own.found && hasEffect(own))) process.exitCode = 1;
