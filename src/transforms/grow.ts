/** A whole run: steps in the order given, widths that follow each other planned together, layers between them. */
import { type Anatomy, findAnatomy } from '../analysis/anatomy.ts';
import { type Analysis, analyze } from '../analysis/graph-analysis.ts';
import { assert, followed, GrowError } from '../errors.ts';
import type { Model } from '../onnx/ir.ts';
import { validateModel } from '../onnx/validate.ts';
import { decomposeFor } from './decompose.ts';
import type { NewLayer } from './insert-layer.ts';
import { addLayers, type InsertedLayer } from './layer-addition.ts';
import { planWidths, type WidthPlan } from './plan.ts';
import type { Step } from './recipe.ts';
import type { ScaleForm } from './score-scale.ts';
import { splitStacked } from './split-stacked.ts';
import { unfuse } from './unfuse.ts';
import { type Widened, widen } from './widen.ts';
import type { NormForm } from './widen-request.ts';

/** How a run grows. */
export interface GrowOptions {
  /** Seed of new random elements; same seed, same bytes. */
  readonly seed: number;
  readonly norm: 'auto' | NormForm;
  readonly exposeOutputs: boolean;
  /** Spells out fused attention where it forbids a size. */
  readonly allowDecompose?: boolean;
  /** What becomes of a score scale of 1/√k; default keep. */
  readonly scale?: ScaleForm;
  /** What new layers hold; default copy. */
  readonly newLayer?: NewLayer;
}

/** A bigger model and what is to be said of it. */
export interface Grown {
  readonly model: Model;
  readonly interfaceChanges: readonly string[];
  readonly corrections: readonly string[];
  readonly notes: readonly string[];
  /** The form norms were given where the hidden width grew; null when it did not. */
  readonly norm: NormForm | null;
  /** Why the weights do not fit a standard module, but for their sizes. */
  readonly unportable: readonly string[];
  /** New layers, in the order they were put in. */
  readonly inserted: readonly InsertedLayer[];
}

const INLINED = 'the functions of the file were replaced by their bodies where they were called';

/** Applies steps to a model. Pure: the model given is not changed; throws GrowError and returns nothing when a step is impossible. */
export const growModel = (model: Model, steps: readonly Step[], options: GrowOptions): Grown => followed(() => grow(model, steps, options));

function grow(model: Model, steps: readonly Step[], options: GrowOptions): Grown {
  let grown: Grown = { model, interfaceChanges: [], corrections: [], notes: [], norm: null, unportable: [], inserted: [] };
  if (steps.some((step) => step.axis === 'hidden' || step.axis === 'layers')) {
    const plain = unfuse(model);
    if (plain.operators.length > 0)
      grown = {
        ...grown,
        model: plain.model,
        notes: [`${plain.operators.join(', ')} hide the residual stream and were replaced by the operators they stand for`],
      };
  }
  for (let i = 0; i < steps.length; ) {
    const [step] = steps.slice(i);
    if (step?.axis === 'layers') {
      const next = addLayers(grown.model, step, { seed: options.seed, newLayer: options.newLayer ?? 'copy' });
      grown = {
        ...grown,
        model: next.model,
        interfaceChanges: [...grown.interfaceChanges, ...next.interfaceChanges],
        notes: [...grown.notes, ...next.notes],
        unportable: [...new Set([...grown.unportable, ...next.unportable])],
        inserted: [...grown.inserted, ...next.inserted],
      };
      i++;
      continue;
    }
    const widths = takeWhile(steps.slice(i), (own) => own.axis !== 'layers');
    i += widths.length;
    grown = growOrDecompose(grown, widths, options);
  }
  if (model.functions.length > grown.model.functions.length) grown = { ...grown, notes: [INLINED, ...grown.notes] };
  refuseBroken(model, grown.model);
  return grown;
}

/** A grown graph has no structural fault that the old one has not; one would be a bug of ours, and nothing is handed over. */
function refuseBroken(old: Model, grown: Model): void {
  const before = validateModel(old);
  const known = new Set(before.map((finding) => finding.message));
  const [fault] = validateModel(grown).filter((finding) => !known.has(finding.message));
  const [own] = before;
  if (fault !== undefined && own !== undefined)
    throw new GrowError('INVALID_MODEL', `the graph is broken: ${own.message}`, {
      where: own.where,
      hint: 'run onnx.checker on the file, and export it again',
    });
  assert(fault === undefined, `the grown graph is broken at ${fault?.where ?? ''}: ${fault?.message ?? ''}`);
}

const takeWhile = (steps: readonly Step[], test: (step: Step) => boolean): Step[] => {
  const end = steps.findIndex((step) => !test(step));
  return steps.slice(0, end < 0 ? undefined : end);
};

/** Grows widths; where a fused attention operator stands in the way it is spelled out, if that is allowed, and named, if not. */
function growOrDecompose(before: Grown, steps: readonly Step[], options: GrowOptions): Grown {
  try {
    return growWidths(before, steps, options);
  } catch (error) {
    if (!(error instanceof GrowError) || error.exitCode !== 4) throw error;
    const plain = decomposeFor(before.model, steps);
    if (plain === null) throw error;
    const note = `${plain.operators.join(', ')} of ${plain.blocks.join(', ')} became standard operators, which fuse less well in some runtimes`;
    if (options.allowDecompose === true) return growWidths({ ...before, model: plain.model, notes: [...before.notes, note] }, steps, options);
    try {
      growWidths({ ...before, model: plain.model }, steps, options);
    } catch {
      throw error;
    }
    throw new GrowError(error.code, error.message, {
      ...(error.where !== undefined && { where: error.where }),
      hint: `${error.hint === undefined ? '' : `${error.hint}; or `}--allow-decompose, which replaces ${plain.operators.join(', ')} by standard operators`,
    });
  }
}

/** Plans widths, on a model whose queries, keys and values come apart where they are one axis and the sizes asked for differ. */
function planApart(model: Model, steps: readonly Step[]): { analysis: Analysis; anatomy: Anatomy; plan: WidthPlan } {
  const planned = (own: Model): { analysis: Analysis; anatomy: Anatomy; plan: WidthPlan } => {
    const analysis = analyze(own);
    const anatomy = findAnatomy(analysis);
    return { analysis, anatomy, plan: planWidths(analysis, anatomy, steps) };
  };
  let split: Model | null = null;
  try {
    const whole = planned(model);
    if (whole.plan.torn.length === 0) return whole;
  } catch (error) {
    if (!(error instanceof GrowError) || error.code !== 'ILLEGAL_SIZE') throw error;
    // a size may be illegal only because the widths are one (values that share pairs with rotated queries)
    split = splitStacked(model);
    if (split === model) throw error;
  }
  const apart = planned(split ?? splitStacked(model));
  refuseTorn(apart.plan);
  return apart;
}

function growWidths(before: Grown, steps: readonly Step[], options: GrowOptions): Grown {
  const { analysis, anatomy, plan } = planApart(before.model, steps);
  if (plan.leaves.size === 0) return { ...before, notes: [...before.notes, ...plan.notes] };
  const attempt = (form: NormForm): Widened =>
    widen(analysis, {
      ...plan,
      norms: anatomy.norms,
      attention: anatomy.attention,
      form,
      onlyNative: options.norm === 'native',
      scale: options.scale ?? 'keep',
      seed: options.seed,
      exposeOutputs: options.exposeOutputs,
    });
  const [widened, form] = chooseForm(plan.streams.size > 0, options.norm, attempt);
  return {
    model: widened.model,
    interfaceChanges: [...before.interfaceChanges, ...widened.interfaceChanges],
    corrections: [...before.corrections, ...widened.corrections],
    notes: [...before.notes, ...plan.notes],
    norm: plan.streams.size > 0 ? form : before.norm,
    unportable: [...new Set([...before.unportable, ...widened.unportable])],
    inserted: before.inserted,
  };
}

/** Query/key and value widths that are one axis must grow to one size. */
function refuseTorn({ torn }: WidthPlan): void {
  const [first] = torn;
  if (first === undefined) return;
  throw new GrowError('ILLEGAL_SIZE', `query/key and value width of ${first.name} are one size in this graph: qk would be ${first.qk} and v ${first.v}`, {
    where: `layer ${first.name}`,
    hint: `grow both in one run: qk=${Math.max(first.qk, first.v)} v=${Math.max(first.qk, first.v)}`,
  });
}

/** auto: native where it is exact, else old-block. */
function chooseForm(hidden: boolean, norm: GrowOptions['norm'], attempt: (form: NormForm) => Widened): [Widened, NormForm] {
  if (norm === 'old-block' || (!hidden && norm === 'auto')) return [attempt('old-block'), 'old-block'];
  if (norm === 'native') return [attempt('native'), 'native'];
  try {
    return [attempt('native'), 'native'];
  } catch (error) {
    if (!(error instanceof GrowError) || error.code !== 'UNSUPPORTED_AXIS') throw error;
    return [attempt('old-block'), 'old-block'];
  }
}
