/** From steps to new sizes of leaves: selectors, legal sizes, coupled blocks. */
import type { Anatomy } from '../analysis/anatomy.ts';
import { type Axis, hintOf } from '../analysis/axis.ts';
import type { Analysis } from '../analysis/graph-analysis.ts';
import { GrowError } from '../errors.ts';
import { nodeLabel } from '../onnx/graph.ts';
import { attentionExpansion } from './attention-expansion.ts';
import { growAxes } from './grow-axis.ts';
import { headAddition, kvHeadAddition } from './head-addition.ts';
import { headsExpansion } from './heads-expansion.ts';
import { hiddenExpansion } from './hidden-expansion.ts';
import { mlpExpansion } from './mlp-expansion.ts';
import type { Selector, Step } from './recipe.ts';
import { type Transform, type Unit, unitName } from './transform.ts';

/** The registry: every width transform once. Layer addition is no change of widths and stands beside them. */
export const WIDTH_TRANSFORMS: readonly Transform[] = [mlpExpansion, headAddition, kvHeadAddition, headsExpansion, attentionExpansion, hiddenExpansion];

/** New sizes of leaves and what they mean. */
export interface WidthPlan {
  readonly leaves: ReadonlyMap<Axis, number>;
  readonly streams: ReadonlySet<Axis>;
  readonly notes: readonly string[];
  /** Blocks whose query/key and value widths are one axis but were asked to differ. */
  readonly torn: readonly { readonly name: string; readonly qk: number; readonly v: number }[];
}

/** Plans width steps together; throws when a size is illegal or a selector splits blocks that must stay equal. */
export function planWidths(analysis: Analysis, anatomy: Anatomy, steps: readonly Step[]): WidthPlan {
  const planned = new Map<Axis, number>();
  const streams = new Set<Axis>();
  const notes: string[] = [];
  const asked = new Map<string, number>();
  for (const step of steps) {
    const transform = WIDTH_TRANSFORMS.find((own) => own.axis === step.axis);
    if (transform === undefined) continue;
    const units = transform.units(anatomy);
    if (units.length === 0) throw missing(step, analysis, anatomy);
    const chosen = select(units, step.selector, step);
    refuseCoupled(step, units, chosen);
    const before = new Map(planned);
    for (const unit of chosen) {
      const key = `${step.axis} ${units.indexOf(unit)}`;
      const shared = step.axis === 'qk' || step.axis === 'v' ? asked.get(key) : undefined;
      const target = targetOf(step, unit, notes, shared ?? unit.size(step.axis === 'qk' || step.axis === 'v' ? new Map() : before));
      if (target === null) continue;
      if (unit.leaf === null)
        throw new GrowError('UNSUPPORTED_AXIS', `${step.axis} of ${unitName(unit)} cannot grow: ${unit.reason}`, { where: `step ${step.text}` });
      planned.set(unit.leaf, leafSize(step, unit, unit.leaf, target, before, notes));
      asked.set(key, unit.size(planned));
      if (step.axis === 'hidden') streams.add(unit.leaf);
    }
  }
  return { leaves: planned, streams, notes, torn: tornBlocks(anatomy, planned, asked) };
}

/** Blocks where one leaf makes both widths and the sizes asked for differ; a width that was not asked for stays. */
function tornBlocks(anatomy: Anatomy, planned: ReadonlyMap<Axis, number>, asked: ReadonlyMap<string, number>): WidthPlan['torn'] {
  const sizes = growAxes(planned);
  let ordinal = 0;
  return anatomy.stacks.flatMap((stack) =>
    stack.layers.flatMap((layer) =>
      layer.attention.flatMap((attention) => {
        const name = unitName({ stack: stack.name, layer: layer.index, block: attention.role });
        const [qk, v] = [asked.get(`qk ${ordinal}`) ?? hintOf(attention.qk), asked.get(`v ${ordinal}`) ?? hintOf(attention.v)];
        ordinal++;
        return sizes.hint(attention.qk) !== qk || sizes.hint(attention.v) !== v ? [{ name, qk, v }] : [];
      }),
    ),
  );
}

function missing(step: Step, analysis: Analysis, anatomy: Anatomy): GrowError {
  const [unknown] = notUnderstood(analysis);
  if (unknown !== undefined && anatomy.stacks.length === 0) {
    return new GrowError('UNSUPPORTED_OP', `${step.axis} cannot grow: an operator on the way through the model is not understood (${unknown.reason})`, {
      where: unknown.where,
      hint: 'add a rule for it to src/analysis/op-rules.ts',
    });
  }
  const what =
    anatomy.stacks.length === 0
      ? 'neither attention nor a residual stream was found'
      : `no layer has ${step.axis === 'mlp' ? 'a feed-forward block' : 'attention'} that could be recognised`;
  return new GrowError('UNSUPPORTED_AXIS', `${step.axis} cannot grow: ${what}`, {
    where: `step ${step.text}`,
    hint: 'see what was recognised with: grow inspect',
  });
}

/** Operators on data that no rule describes, the cause before those that only lack their operands' shapes. */
export function notUnderstood({ flat, facts }: Analysis): { readonly where: string; readonly reason: string }[] {
  const found = flat.nodes.flatMap((node) => {
    const relation = facts.relations.get(node);
    return relation?.kind === 'unknown' && facts.values.get(node.outputs[0] ?? '')?.dependence === 'data'
      ? [{ where: nodeLabel(node), reason: relation.reason }]
      : [];
  });
  return [...found.filter((own) => !own.reason.startsWith('the shape of')), ...found.filter((own) => own.reason.startsWith('the shape of'))];
}

/** The units a selector means. */
export function select(units: readonly Unit[], selector: Selector, step: Step): Unit[] {
  const inStack = selector.stack === null ? [...units] : units.filter((unit) => unit.stack === selector.stack);
  if (inStack.length === 0) {
    const names = [...new Set(units.map((unit) => unit.stack))];
    throw new GrowError('USAGE', `there is no stack '${selector.stack ?? ''}'`, { where: `step ${step.text}`, hint: `stacks are ${names.join(', ')}` });
  }
  const inBlock = selector.block === null ? inStack : inStack.filter((unit) => unit.block === selector.block);
  if (inBlock.length === 0) throw new GrowError('USAGE', `no layer has ${selector.block ?? ''}-attention`, { where: `step ${step.text}` });
  if (selector.layers.length === 0) return inBlock;
  const count = Math.max(...inBlock.map((unit) => unit.layer ?? 0)) + 1;
  const wanted = new Set(
    selector.layers.flatMap(([first, last]) => {
      const [from, to] = [first, last].map((own) => (own < 0 ? own + count : own));
      if (from === undefined || to === undefined || from < 0 || to >= count || from > to) {
        throw new GrowError('USAGE', `layer ${first === last ? first : `${first}-${last}`} does not exist`, {
          where: `step ${step.text}`,
          hint: `layers are 0 to ${count - 1}`,
        });
      }
      return Array.from({ length: to - from + 1 }, (_, i) => from + i);
    }),
  );
  return inBlock.filter((unit) => wanted.has(unit.layer ?? -1));
}

function refuseCoupled(step: Step, units: readonly Unit[], chosen: readonly Unit[]): void {
  const leaves = new Set(chosen.map((unit) => unit.leaf));
  const others = units.filter((unit) => !chosen.includes(unit) && unit.leaf !== null && leaves.has(unit.leaf));
  if (others.length === 0) return;
  const names = [...new Set(others.map(unitName))];
  throw new GrowError(
    'COUPLED_AXIS',
    `${step.axis} of ${[...new Set(chosen.map(unitName))].join(', ')} is coupled with ${names.join(', ')}: they share a weight or a table`,
    {
      where: `step ${step.text}`,
      hint: `grow them together: ${step.axis}=… without a selector`,
    },
  );
}

/** The size a unit shall have; null when it has it already. */
function targetOf(step: Step, unit: Unit, notes: string[], now: number): number | null {
  const { kind, amount } = step.size;
  const target = kind === 'absolute' ? amount : kind === 'add' ? now + amount : Math.ceil(now * amount - 1e-9);
  if (target < now)
    throw new GrowError('SHRINKING', `${step.axis} of ${unitName(unit)} is ${now} already; models only grow`, {
      where: `step ${step.text}`,
      hint: `use a size of at least ${now}`,
    });
  if (target === now) {
    notes.push(`${step.axis} of ${unitName(unit)} is ${now} already`);
    return null;
  }
  return target;
}

function leafSize(step: Step, unit: Unit, leaf: Axis, target: number, planned: ReadonlyMap<Axis, number>, notes: string[]): number {
  const now = unit.size(planned);
  const own = planned.get(leaf) ?? hintOf(leaf);
  const each = unit.size(new Map([...planned, [leaf, own + 1]])) - now;
  let stride = each;
  while (stride % unit.multipleOf !== 0) stride += each;
  if (target === now) return own;
  if ((target - now) % each === 0 && target % unit.multipleOf === 0) return own + (target - now) / each;
  const steps = Math.ceil((target - now) / stride) * (stride / each);
  const [below, above] = [now + (steps - stride / each) * each, now + steps * each];
  if (step.size.kind === 'times') {
    notes.push(`${step.axis} of ${unitName(unit)} is rounded up from ${target} to ${above}: it grows in steps of ${stride}`);
    return own + steps;
  }
  throw new GrowError('ILLEGAL_SIZE', `${step.axis} of ${unitName(unit)} cannot be ${target}: it grows in steps of ${stride} from ${now}`, {
    where: `step ${step.text}`,
    hint: `the nearest legal sizes are ${below === now ? '' : `${below} and `}${above}`,
  });
}
