/**
 * Which new elements must be zero, found backwards.
 *
 * A demand says: these elements of this value are zero for all inputs. It is pushed from where it is needed (a sum over new
 * elements) through the op table to the constants that can grant it; a value no rule can make zero is an error that names the node.
 * Everything not demanded is free.
 */
import type { Axis } from '../analysis/axis.ts';
import type { Analysis } from '../analysis/graph-analysis.ts';
import type { Norm, Operand } from '../analysis/norms.ts';
import { factorInputs, ruleOf } from '../analysis/op-rules.ts';
import { baseLabels, type Labels, type View } from '../analysis/relation.ts';
import { hint } from '../analysis/size.ts';
import { isAlwaysZero } from '../analysis/zeros.ts';
import { type FlatNode, nodeLabel } from '../onnx/graph.ts';
import type { Region } from './fill.ts';
import { type AxisGrowth, isRange, pickedIndices } from './grow-axis.ts';
import { operandRegion } from './label-regions.ts';
import { branchInputs, collectMeans, every, useKey } from './mean-demands.ts';
import { covers, embed, keyOf, noneOf, reshapeRegions, simplify, spread } from './regions.ts';

/** An operand that is stretched over a grown dimension and must only reach its old elements. */
export interface MaskedOperand extends Operand {
  /** The dimension, counted in the node's result. */
  readonly dim: number;
  readonly axis: Axis;
}

/** The demands collected so far. */
export interface Demands {
  /** Demands zeros of an operand; null when granted, else why it is impossible. */
  zero(operand: Operand, region: Region): string | null;
  /** Demands that new elements along a dimension are the mean of the old ones; null when granted, else why not. */
  mean(operand: Operand, dim: number): string | null;
  /** True when the elements are zero by what was demanded so far. */
  isZero(operand: Operand, region: Region): boolean;
  /** Zero regions by constant use. */
  readonly zeros: ReadonlyMap<string, readonly Region[]>;
  /** Dimension of mean fill by constant use. */
  readonly means: ReadonlyMap<string, number>;
  readonly masked: ReadonlyMap<string, MaskedOperand>;
  /** Zero regions demanded of graph inputs, by name. */
  readonly inputs: ReadonlyMap<string, readonly Region[]>;
}

type Mode = 'demand' | 'possible' | 'granted';

/** `nativeNorms` are LayerNorms whose zero result is had by a mean tail in front of them, by the value before gain and bias. */
export function collectDemands(analysis: Analysis, growth: AxisGrowth, nativeNorms: ReadonlyMap<string, Norm>, oldBlock: ReadonlySet<FlatNode>): Demands {
  const { facts, axes, data, flat, seams } = analysis;
  const zeros = new Map<string, Region[]>();
  const means = new Map<string, number>();
  const masked = new Map<string, MaskedOperand>();
  const inputs = new Map<string, Region[]>();
  const done = new Map<string, string | null>();
  const mean = collectMeans(analysis, growth, zeros, means);

  const axesAt = (operand: Operand): readonly Axis[] => axes.ofInput(operand.node, operand.input) ?? [];
  const nameAt = (operand: Operand): string => operand.node.inputs[operand.input] ?? '';
  const isConstant = (name: string): boolean => facts.values.get(name)?.dependence === 'constant';

  function visit(operand: Operand, given: Region, mode: Mode): string | null {
    // along a dimension whose small value is none there is no telling elements apart: all are meant
    const region = given.map((own) => (own?.length === 0 ? null : simplify(own)));
    if (region.some((own) => own?.every((x) => x === 0) === true)) return null;
    const name = nameAt(operand);
    const key = `${mode}\u0000${flat.constants.has(name) ? useKey(analysis, operand) : name}\u0000${region.map(keyOf).join('|')}`;
    const known = mode === 'granted' ? undefined : done.get(key);
    if (known !== undefined) return known;
    const cutAt = seams.get(operand.node)?.inputs.get(operand.input);
    const copied = cutAt !== undefined && region.some((own, d) => own !== null && cutAt.has(d));
    const result = copied ? `${nodeLabel(operand.node)} reads copies of old elements of ${name}` : visitNew(operand, name, region, mode);
    if (mode !== 'granted') done.set(key, result);
    return result;
  }

  function visitNew(operand: Operand, name: string, region: Region, mode: Mode): string | null {
    if (isAlwaysZero(analysis, name)) return null;
    if (region.every((own) => own === null)) return isZeroConstant(name) ? null : `${name} would have to be zero everywhere`;
    if (flat.constants.has(name)) return atConstant(operand, name, region, mode);
    const node = data.producer(name);
    if (node === undefined) return atInput(name, region, mode);
    const native = nativeNorms.get(name);
    if (native !== undefined) return atNativeNorm(native, node, mode);
    const relation = facts.relations.get(node);
    if (relation === undefined || relation.kind === 'unknown') return `${nodeLabel(node)}: ${relation?.reason ?? 'not understood'}`;
    const output = node.outputs.indexOf(name);
    const cutAt = seams.get(node)?.outputs.get(output);
    if (cutAt !== undefined && region.some((own, d) => own !== null && cutAt.has(d) && isAllNew(own, axes.of(name)?.[d]))) return null;
    return relation.kind === 'labels' ? throughLabels(node, relation, output, region, mode) : throughView(node, relation, output, region, mode);
  }

  function isAllNew(mask: Uint8Array, axis: Axis | undefined): boolean {
    const added = axis === undefined ? null : growth.added(axis);
    return added !== null && mask.every((x, i) => x === 0 || added[i] === 1);
  }

  function atConstant(operand: Operand, name: string, region: Region, mode: Mode): string | null {
    if (isZeroConstant(name)) return null;
    const key = useKey(analysis, operand);
    const known = zeros.get(key) ?? [];
    if (known.some((own) => covers(own, region))) return null;
    if (mode === 'granted') return 'not demanded';
    const mean = means.get(key);
    if (mean !== undefined && region.every((own, d) => (d === mean) === (own !== null))) return `${name} would have to be zero and a mean`;
    const isNew = region.some((own, d) => own !== null && isAllNew(own, axesAt(operand)[d]));
    if (!isNew) return `old elements of ${name} would have to be zero`;
    if (mode === 'demand') zeros.set(key, [...known, region]);
    return null;
  }

  function atInput(name: string, region: Region, mode: Mode): string | null {
    const known = inputs.get(name) ?? [];
    if (known.some((own) => covers(own, region))) return null;
    if (mode === 'granted') return 'not demanded';
    // a cache holds what the model itself wrote; a matrix or vector that is given, like weights, holds anything
    if ((facts.values.get(name)?.dims?.length ?? 0) < 3) return `input ${name} would have to hold zeros, and it is no cache`;
    if (mode === 'demand') inputs.set(name, [...known, region]);
    return null;
  }

  function atNativeNorm(norm: Norm, node: FlatNode, mode: Mode): string | null {
    if (mode === 'possible') return null;
    const dims = facts.values.get(norm.input)?.dims?.length ?? 1;
    const dim = (axes.of(norm.input) ?? []).findIndex((axis) => axis === norm.axis || growth.grows(axis));
    const first = node.inputs.indexOf(norm.input);
    const reader = first >= 0 ? { node, input: first } : { node: norm.statistics[0] as FlatNode, input: 0 };
    const bias = norm.core === norm.output && norm.bias !== null ? visit(norm.bias, [lastAdded(norm)], mode) : null;
    return bias ?? (mode === 'granted' ? null : mean(reader, dim < 0 ? dims - 1 : dim));
  }

  const lastAdded = (norm: Norm): Uint8Array | null => growth.added(norm.axis);

  function throughLabels(node: FlatNode, relation: Labels, output: number, region: Region, mode: Mode): string | null {
    const labels = relation.outputs[output] ?? [];
    const byLabel = new Map(labels.flatMap((label, d) => (region[d] == null ? [] : [[label, region[d]] as const])));
    const rule = ruleOf(node.op);
    const regionOf = (input: number): Region => operandRegion(axes, growth, node, relation, input, byLabel);
    const has = (input: number, label: string): boolean => baseLabels(relation, input).includes(label);
    // an operand without a label is the same at all its indices, so it must be zero at all of them: fine while the rest is new
    const isNew = (label: string, mask: Uint8Array): boolean => {
      const own = axes.ofOutput(node, output)?.[labels.indexOf(label)];
      const added = own === undefined ? null : growth.added(own);
      return added !== null && mask.every((x, i) => x === 0 || added[i] === 1);
    };
    const newLabels = [...byLabel].flatMap(([label, mask]) => (isNew(label, mask) ? [label] : []));
    const covered = (input: number): boolean =>
      newLabels.length > 0 ? newLabels.some((label) => has(input, label)) : [...byLabel.keys()].every((label) => has(input, label));
    const at = (input: number): Operand => ({ node, input });
    const related = relation.inputs.flatMap((own, input) => (own === null || (node.inputs[input] ?? '') === '' ? [] : [input]));
    const fail = `${nodeLabel(node)}: its result cannot be zero where an operand is`;
    if (relation.neverZero === true) return fail;
    if (rule?.quantises === true && output === 0 && !onlyReadAsQuantised(node.outputs[0] ?? '')) return `${nodeLabel(node)}: its zero point may not be 0`;
    switch (rule?.zero) {
      case 'keeps':
      case 'first':
      case 'table': {
        const mixes = relation.mixes?.some((label) => byLabel.has(label)) === true;
        // a norm has old elements only along the dimension that grows; along others zeros are divided by zero
        if (rule.mixing === 'norm' ? !mixes : mixes && !oldBlock.has(node) && rule.mixing === undefined && !isRms(node)) return fail;
        return covered(0) ? visit(at(0), regionOf(0), mode) : fail;
      }
      case 'moved':
        if (node.op === 'If') return every(branchInputs(node, output), (input) => visit(at(input), regionOf(input), mode));
        return covered(0) ? visit(at(0), regionOf(0), mode) : fail;
      case 'all':
        return every(related, (input) => (covered(input) ? visit(at(input), regionOf(input), mode) : stretched(at(input), relation, byLabel, mode)));
      case 'scattered':
        return relation.mixes?.some((label) => byLabel.has(label)) === true ? fail : every([0, 2], (input) => visit(at(input), regionOf(input), mode));
      case 'branches':
        return every([1, 2], (input) => (covered(input) ? visit(at(input), regionOf(input), mode) : isZeroConstant(node.inputs[input] ?? '') ? null : fail));
      case 'any': {
        const order = related.filter(covered).sort((a, b) => Number(isConstant(node.inputs[a] ?? '')) - Number(isConstant(node.inputs[b] ?? '')));
        return some(
          order,
          (input) => visit(at(input), regionOf(input), 'possible') === null && (mode === 'possible' || visit(at(input), regionOf(input), mode) === null),
        )
          ? null
          : mode === 'granted'
            ? 'not demanded'
            : ((order.length > 0 ? visit(at(order[0] as number), regionOf(order[0] as number), 'possible') : null) ?? fail);
      }
      case 'product': {
        const points = new Set((rule.quantised ?? []).flatMap((own) => [own.scale, own.point]));
        const factors = factorInputs(node)
          .filter((input) => related.includes(input) && covered(input))
          .sort((a, b) => Number(!isConstant(node.inputs[a] ?? '')) - Number(!isConstant(node.inputs[b] ?? '')));
        const granted =
          factors.find((input) => visit(at(input), regionOf(input), 'granted') === null) ??
          factors.find((input) => visit(at(input), regionOf(input), 'possible') === null);
        if (granted === undefined) return fail;
        const own = mode === 'possible' ? null : visit(at(granted), regionOf(granted), mode);
        if (own !== null) return own;
        return every(
          related.filter((input) => !factorInputs(node).includes(input) && !points.has(input)),
          (input) => (covered(input) ? visit(at(input), regionOf(input), mode) : isZeroConstant(node.inputs[input] ?? '') ? null : fail),
        );
      }
      default:
        if (node.op === 'LayerNormalization' && oldBlock.has(node)) {
          const bias = (node.inputs[2] ?? '') === '' ? null : visit(at(2), regionOf(2), mode);
          return bias ?? visit(at(0), regionOf(0), mode);
        }
        if (node.op === 'BatchNormalization') return every([0, 2, 3], (input) => visit(at(input), regionOf(input), mode));
        return fail;
    }
  }

  /** True when every reader of quantised numbers knows their zero point: a plain one would take the zero point for a number. */
  function onlyReadAsQuantised(name: string): boolean {
    return data.consumers(name).every(({ node, input }) => {
      if (ruleOf(node.op)?.quantised?.some((own) => own.operand === input || own.point === input || own.scale === input) === true) return true;
      if (node.op === 'Shape' || ruleOf(node.op)?.zero === 'moved' || (ruleOf(node.op)?.zero === 'table' && input === 1))
        return node.outputs.every(onlyReadAsQuantised);
      return ruleOf(node.op)?.zero === 'table' && onlyReadAsQuantised(node.outputs[0] ?? '');
    });
  }

  /** A value that is stretched over the new elements of a sum: masked there, so that it only reaches the old ones. */
  function stretched(operand: Operand, relation: Labels, byLabel: ReadonlyMap<string, Uint8Array>, mode: Mode): string | null {
    const name = nameAt(operand);
    if (isZeroConstant(name)) return null;
    const missing = [...byLabel.keys()].filter(
      (label) =>
        relation.inputs[operand.input]?.includes(label) !== true &&
        growth.grows(axes.ofOutput(operand.node, 0)?.[(relation.outputs[0] ?? []).indexOf(label)] as Axis),
    );
    const dim = (relation.outputs[0] ?? []).indexOf(missing[0] ?? '');
    const axis = axes.ofOutput(operand.node, 0)?.[dim];
    if (missing.length !== 1 || axis === undefined) return `${nodeLabel(operand.node)}: ${name} is stretched over new elements`;
    const key = `${data.index.get(operand.node) ?? 0}:${operand.input}`;
    if (mode === 'granted') return masked.has(key) ? null : 'not demanded';
    if (mode === 'demand') masked.set(key, { ...operand, dim, axis });
    return null;
  }

  function throughView(node: FlatNode, view: View, output: number, region: Region, mode: Mode): string | null {
    const operand: Operand = { node, input: 0 };
    const own = axesAt(operand);
    const axis = view.axis ?? 0;
    const out = axes.ofOutput(node, output) ?? [];
    switch (view.kind) {
      case 'reshape': {
        const back = reshapeRegions(
          region,
          out.map((a) => growth.hint(a)),
          own.map((a) => growth.hint(a)),
        );
        if (back === null) return `${nodeLabel(node)}: the zero elements cannot be followed through this Reshape`;
        for (const own of back) {
          const reason = visit(operand, own, mode);
          if (reason !== null) return reason;
        }
        return null;
      }
      case 'concat': {
        let start = 0;
        const slices = node.inputs.map((_, input) => {
          const size = growth.hint(axesAt({ node, input })[axis] as Axis);
          const part = region.map((mask, d) => (d === axis && mask !== null ? mask.slice(start, start + size) : mask));
          start += size;
          return part;
        });
        return every(
          slices.map((_, i) => i),
          (input) => (slices[input]?.[axis]?.every((x) => x === 0) === true ? null : visit({ node, input }, slices[input] ?? [], mode)),
        );
      }
      case 'split': {
        const offset =
          out.length === 0 ? 0 : node.outputs.slice(0, output).reduce((sum, _, o) => sum + growth.hint((axes.ofOutput(node, o) ?? [])[axis] as Axis), 0);
        return visit(
          operand,
          own.map((a, d) =>
            d === axis && (region[d] != null || growth.grows(a))
              ? embed(region[d] ?? null, offset, growth.hint(a), growth.hint(out[d] as Axis))
              : (region[d] ?? null),
          ),
          mode,
        );
      }
      case 'slice':
        return visit(
          operand,
          own.map((a, d) => {
            const range = view.ranges?.[d] ?? null;
            const mask = region[d] ?? null;
            if (range === null || (mask === null && !growth.grows(a))) return mask;
            const start = growth.boundary(a, hint(range.start));
            return range.step === 1
              ? embed(mask, start, growth.hint(a), growth.hint(out[d] as Axis))
              : spread(mask, range.step < 0 ? growth.hint(a) - 1 : start, range.step, growth.hint(a), growth.hint(out[d] as Axis));
          }),
          mode,
        );
      case 'gather': {
        const whole = own[axis] as Axis;
        const size = growth.hint(whole);
        if (view.scalar === true) {
          const picked = noneOf(size);
          picked[growth.position(whole, view.indices?.[0] ?? 0)] = 1;
          return visit(operand, [...region.slice(0, axis), picked, ...region.slice(axis)], mode);
        }
        const indices = view.indices ?? [];
        if (!isRange(indices)) {
          const all = noneOf(size);
          pickedIndices(growth, whole, out[axis] as Axis, indices).forEach((index, i) => {
            all[index] = region[axis]?.[i] ?? 1;
          });
          return visit(
            operand,
            own.map((_, d) => (d === axis ? all : (region[d] ?? null))),
            mode,
          );
        }
        const start = growth.boundary(whole, indices[0] ?? 0);
        return visit(
          operand,
          own.map((a, d) => (d === axis ? embed(region[d] ?? null, start, growth.hint(a), growth.hint(out[d] as Axis)) : (region[d] ?? null))),
          mode,
        );
      }
      case 'pad':
        if (view.neverZero === true) return `${nodeLabel(node)}: pads with something else than zeros`;
        return visit(
          operand,
          own.map((a, d) => {
            const mask = region[d] ?? null;
            const before = hint(view.pads?.[d]?.[0] ?? 0);
            return mask === null ? null : mask.slice(before, before + growth.hint(a));
          }),
          mode,
        );
      case 'tile':
        return own.some((_, d) => region[d] != null && view.repeats?.[d] !== 1)
          ? `${nodeLabel(node)}: repeats the grown dimension`
          : visit(operand, region, mode);
    }
  }

  function isZeroConstant(name: string): boolean {
    const elements = isConstant(name) ? facts.elements(name) : null;
    return elements !== null && elements.length > 0 && elements.every((e) => e.value === 0) && elements.length === 1;
  }

  return {
    zero: (operand, region) => visit(operand, region, 'possible') ?? visit(operand, region, 'demand'),
    isZero: (operand, region) => visit(operand, region, 'granted') === null,
    mean,
    zeros,
    means,
    masked,
    inputs,
  };
}

const isRms = (node: FlatNode): boolean => node.op === 'RMSNormalization' || node.op === 'SimplifiedLayerNormalization';

const some = (inputs: readonly number[], test: (input: number) => boolean): boolean => inputs.some(test);
