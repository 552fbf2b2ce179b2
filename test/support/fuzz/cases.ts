/** One damaged model and what is done with it, as a function of a seed. */
import type { Model } from '../../../src/onnx/ir.ts';
import { encodeModel } from '../../../src/onnx/serialize.ts';
import type { Base, bases } from './bases.ts';
import { changedBytes, structuralChange } from './damage.ts';
import { withInserted } from './inserted.ts';
import { pick, type Random, randomFrom } from './random.ts';
import { semanticChange } from './semantic.ts';
import { wrappedChange } from './wrapped.ts';

/** What a case asks of a damaged model, behind reading and understanding it. */
export type Task = 'inspect' | 'grow' | 'check' | 'check-back' | 'command';

/** A damaged model. */
export interface Case {
  readonly seed: number;
  readonly base: Base;
  readonly bytes: Uint8Array;
  readonly task: Task;
  readonly step: string;
  readonly random: Random;
}

export const STEPS = ['mlp=x2', 'heads=+1', 'hidden=+4', 'qk=+2', 'v=+2', 'layers=+1', 'kv-heads=+1', 'hidden=x1.5', 'layers=+1@before:0'];
const TASKS: readonly Task[] = ['inspect', 'inspect', 'grow', 'grow', 'grow', 'grow', 'grow', 'grow', 'grow', 'check', 'check', 'check', 'check', 'check-back'];

function change(random: Random, model: Model): Model {
  const drawn = random();
  if (drawn < 0.5) return { ...model, graph: semanticChange(random, model.graph) };
  if (drawn < 0.72) return { ...model, graph: withInserted(random, model.graph) };
  if (drawn < 0.82) return wrappedChange(random, model);
  return structuralChange(random, model);
}

/** The case of a seed. Nearly all start from a small built model; what is checked is often a grown one. */
export function caseOf(seed: number, from: ReturnType<typeof bases>): Case {
  const random = randomFrom(seed);
  const base = pick(random, random() < 0.94 ? from.built : from.real) as Base;
  const task = random() < 0.02 ? 'command' : (pick(random, TASKS) as Task);
  const step = pick(random, STEPS) ?? 'mlp=x2';
  const isCheck = task === 'check' || task === 'check-back';
  let model = isCheck && random() < 0.6 ? base.grown(step) : base.model;
  const changes = random() < 0.6 ? 1 : 1 + Math.floor(4 * random());
  for (let i = 0; i < changes; i++) model = change(random, model);
  const bytes = encodeModel(model);
  return { seed, base, bytes: random() < 0.06 ? changedBytes(random, bytes) : bytes, task, step, random };
}
