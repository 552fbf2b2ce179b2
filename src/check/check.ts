/**
 * The static proof that a new model computes what an old one does, for all inputs, in real numbers.
 *
 * Every value of the old graph is a term. By induction over its nodes, every value of the new graph is an old term, element by
 * element: old elements at known places, up to a known factor, and new ones that are zero, means or anything finite. Weights
 * are read from both files; nothing that growth says is trusted. What is not understood is not proved.
 */

import { equal, keyOf } from '../analysis/size.ts';
import { GrowError, isTooDeep, TOO_DEEP } from '../errors.ts';
import { opsetVersion } from '../onnx/graph.ts';
import type { Model } from '../onnx/ir.ts';
import { aliveness } from './alive/aliveness.ts';
import { blame } from './blame.ts';
import { startContext } from './context.ts';
import { definedness } from './definedness.ts';
import { countOther, dimText, isSame, Kind } from './dim.ts';
import { typeFindings } from './element-types.ts';
import { type CheckResult, type Finding, refuted, unproved } from './findings.ts';
import { attributeFindings } from './finite-attributes.ts';
import { fitFindings } from './fit.ts';
import {
  compareOutputs,
  corrected,
  difference,
  interfaceFindings,
  newInputs,
  type Outputs,
  oldInputs,
  pairOutputs,
  type Supposed,
  supposeInputs,
} from './interface.ts';
import { maskFindings } from './masked.ts';
import { functionText } from './node-text.ts';
import { prepare, type Side } from './prepare.ts';
import { explainRuns } from './runs.ts';
import { Uncounted } from './scale.ts';
import { type Values, walk } from './walk.ts';

/** Proves that `now` computes what `old` does, or says where the proof stops. */
export function checkModels(old: Model, now: Model): CheckResult {
  const started = performance.now();
  try {
    return { ...proof(old, now), seconds: (performance.now() - started) / 1000 };
  } catch (error) {
    if (error instanceof GrowError) throw error;
    // a proof that breaks is no proof; growth itself is not in doubt for that
    return { proved: false, findings: [unproved('check', whyEnded(error))], assumptions: [], alive: null, seconds: (performance.now() - started) / 1000 };
  }
}

/** A proof ends at what cannot be followed or counted; anything else that ends it is a bug, which is said. */
function whyEnded(error: unknown): string {
  if (isTooDeep(error)) return TOO_DEEP;
  if (error instanceof Uncounted) return error.message;
  return `the proof broke off: ${error instanceof Error ? error.message : String(error)}`;
}

function proof(old: Model, now: Model): Omit<CheckResult, 'seconds'> {
  const [before, after] = [prepare(old), prepare(now)];
  const ctx = startContext();
  const inputs = oldInputs(ctx, before);
  const oldValues = walk(ctx, before, inputs, false);
  ctx.terms.endOld();
  const first = supposeInputs(before, after);
  let { supposed } = first;
  const found = new Set<string>();
  for (let round = 0; ; round++) {
    ctx.wishes.clear();
    ctx.corrections.length = 0;
    const newValues = walk(ctx, after, newInputs(ctx, after, inputs, supposed), true);
    const isEqual = (from: string, to: string): boolean => difference(ctx, '', oldValues.get(from), newValues.get(to), true) === null;
    const outputs = pairOutputs(before, after, supposed, isEqual);
    const compared = compareOutputs(ctx, before, after, outputs, oldValues, newValues, supposed);
    const wishes = new Map([...compared.wishes, ...ctx.wishes]);
    if (wishes.size > 0 && round < ROUNDS) {
      supposed = corrected(supposed, wishes, found);
      for (const name of wishes.keys()) found.add(name);
      continue;
    }
    const open = compared.findings;
    const runs = explainRuns(ctx.corrections);
    const all: readonly Finding[] = [
      ...opsetFindings(old, now),
      ...functionFindings(before, after),
      ...fitFindings(before, after),
      ...typeFindings(before, after),
      ...attributeFindings(before, after),
      ...sizeFindings(before, after),
      ...interfaceFindings(ctx, before, after, inputs, supposed, outputs, open.length === 0),
      ...first.findings,
      ...runs.findings,
      ...(open.length === 0 ? [...definedness(before, after, oldValues, newValues), ...maskFindings(before, after, oldValues, newValues)] : []),
      ...(open.length === 0 ? [] : blame(after, newValues, open, (name) => oldValues.get(outputs.pairs.find((pair) => pair.now === name)?.old ?? ''))),
    ];
    return {
      proved: all.length === 0 && wishes.size === 0,
      findings: all,
      assumptions: [...assumptions(before), ...cacheAssumptions(supposed, outputs), ...widerOutputs(newValues, outputs), ...runs.notes],
      alive: aliveness(ctx, before, after, newValues, outputs),
    };
  }
}

/** Suppositions about caches are corrected all at once, so few rounds are enough. */
const ROUNDS = 8;

/** The same operators mean the same only under the same versions of their domains. */
function opsetFindings(old: Model, now: Model): Finding[] {
  const imported = (model: Model): Map<string, number> =>
    new Map(model.opsetImports.map(({ domain }) => [domain === 'ai.onnx' ? '' : domain, opsetVersion(model, domain)]));
  const [before, after] = [imported(old), imported(now)];
  const format = old.irVersion === now.irVersion ? [] : [refuted('model', `IR version ${old.irVersion} became ${now.irVersion}`)];
  const opsets = [...new Map([['', 0], ...after])].flatMap(([domain, version]): Finding[] => {
    const was = before.get(domain);
    return was === undefined || was === version ? [] : [refuted('model', `opset ${was}${domain === '' ? '' : ` of ${domain}`} became ${version}`)];
  });
  return [...format, ...opsets];
}

/** Functions that are called as a whole, since they are written for other versions of operators than the graph, must be the same. */
function functionFindings({ flat: before }: Side, { flat: after }: Side): Finding[] {
  const bodies = (flat: Side['flat']): Map<string, string> =>
    new Map(flat.model.functions.map((own) => [[own.domain, own.name, own.overload].join('.'), functionText(own)]));
  const old = bodies(before);
  return [...bodies(after)].flatMap(([name, body]) => (old.has(name) && old.get(name) !== body ? [refuted(`function ${name}`, 'its body changed')] : []));
}

/** Input sizes that must be equal for the new graph to run must be so for the old one too. */
function sizeFindings(before: Side, after: Side): Finding[] {
  const declared = new Set(
    before.flat.inputs.flatMap((input) => input.type?.dims?.map((dim, d) => (typeof dim === 'string' ? dim : `${input.name}.${d}`)) ?? []),
  );
  return [...after.facts.bindings].flatMap(([name, size]): Finding[] => {
    const known = before.facts.bindings.get(name);
    if ((!declared.has(name) && !isFunction(after, name)) || (known !== undefined && equal(known, size))) return [];
    return [unproved(`size ${name}`, `would have to be ${keyOf(size)} in the new graph`)];
  });
}

/** A function of sizes of inputs. */
const isFunction = ({ facts }: Side, name: string): boolean => name.includes('(') && ![...facts.runSizes].some((own) => name.includes(own));

/** What a proof takes for granted. */
const assumptions = (before: Side): readonly string[] => [
  'values that are computed are finite numbers, and no divisor of the old graph is zero, nor one that is new and computed like it',
  'dimensions of inputs are at least 1',
  'the new graph runs: shapes of what is new fit each other',
  ...[...before.facts.bindings].filter(([name]) => !before.facts.runSizes.has(name)).map(([name, size]) => `${name} = ${keyOf(size)}, as the old graph needs`),
];

/** What inputs that became wider are supposed to hold; what a step hands on then fulfils it. */
function cacheAssumptions(supposed: ReadonlyMap<string, Supposed>, { pairs }: Outputs): readonly string[] {
  return [...supposed].flatMap(([name, { old, dims }]) => {
    const grown = (dims ?? []).flatMap((dim, d) =>
      isSame(dim) ? [] : [`${countOther(dim, Kind.ZERO) === 0 ? 'zeros' : 'anything finite'} at the new places of dimension ${d} (${dimText(dim)})`],
    );
    if (grown.length === 0) return [];
    const next = pairs.find((pair) => pair.cache === name);
    const handed = next === undefined ? 'no output hands it on' : `as output ${next.now} does`;
    return [`input ${name} holds what input ${old} held and ${grown.join(', ')}; ${handed}`];
  });
}

/** Keys and values that leave the graph and come back through no input. */
const widerOutputs = (values: Values, { pairs }: Outputs): readonly string[] =>
  pairs.flatMap(({ now, cache }) => {
    const value = values.get(now);
    const grown = cache !== null || value?.kind !== 'related' ? [] : value.dims.flatMap((dim, d) => (isSame(dim) ? [] : [`dimension ${d} (${dimText(dim)})`]));
    return grown.length === 0 ? [] : [`what reads output ${now}, keys or values of an attention, takes its old elements from ${grown.join(', ')}`];
  });
