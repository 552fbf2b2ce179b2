/**
 * Sizes are re-derived, not hunted: after growth every integer that feeds a shape, a slice, a split or an index must come out
 * as its consumer's axes say, and every float that was computed from a shape keeps its old value.
 *
 * The graph is walked once with the shapes it will have. A wrong integer is replaced at its consumer, or, where it depends on
 * the input, solved for the constant in its expression.
 */
import type { Axis } from '../analysis/axis.ts';
import type { Analysis } from '../analysis/graph-analysis.ts';
import { ruleOf } from '../analysis/op-rules.ts';
import { attributesOf, type Element, type Labels, type Relation, ShapeUnknown, type Site, SMALL } from '../analysis/relation.ts';
import { add, divideExactly, equal, hint, isStatic, keyOf, multiply, product, type Size, subtract } from '../analysis/size.ts';
import { wholeGrid } from '../analysis/view-rules.ts';
import { GrowError } from '../errors.ts';
import { type FlatNode, nodeLabel, opsetVersion } from '../onnx/graph.ts';
import { type Attribute, DataType } from '../onnx/ir.ts';
import { addConstant, currentOf, type Draft, insertBefore, newNode, setAttribute, setInput } from './draft.ts';
import { type AxisGrowth, isRange, pickedIndices } from './grow-axis.ts';

const FLOATS: readonly number[] = [DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16];

/** Corrects every size in the draft; throws UNSUPPORTED_OP when one cannot be. */
export function rederiveSizes(analysis: Analysis, draft: Draft, growth: AxisGrowth): void {
  const { flat, facts, axes, data } = analysis;
  const elements = new Map<string, readonly Element[] | null>();
  const opset = opsetVersion(flat.model);

  const expected = (name: string): readonly Size[] | null => axes.of(name)?.map((axis) => growth.size(axis)) ?? facts.values.get(name)?.dims ?? null;
  const elementsOf = (name: string): readonly Element[] | null => (flat.constants.has(name) ? facts.elements(name) : (elements.get(name) ?? null));

  for (const node of flat.nodes) {
    if (flat.constants.has(node.outputs[0] ?? '')) continue;
    const relation = facts.relations.get(node);
    if (relation !== undefined) correct(node, relation);
    if (relation?.kind === 'labels') correctAttributes(node, relation);
    evaluate(node);
    freeze(node);
  }

  function siteOf(node: FlatNode): Site {
    return {
      flat: node,
      opset: node.node.domain === '' ? opset : 1,
      exact: false,
      isLength: () => false,
      has: (i) => (node.inputs[i] ?? '') !== '',
      dims: (i) => {
        const name = node.inputs[i] ?? '';
        const dims = axes.ofInput(node, i)?.map((axis) => growth.size(axis)) ?? facts.values.get(name)?.dims;
        if (dims == null) throw new ShapeUnknown(name);
        return dims;
      },
      elements: (i) => elementsOf(node.inputs[i] ?? ''),
      dtype: (i) => facts.values.get(node.inputs[i] ?? '')?.dtype ?? 0,
      ...attributesOf(node),
      fresh: () => {
        throw new ShapeUnknown('a size of its own');
      },
    };
  }

  function evaluate(node: FlatNode): void {
    if (node.op === 'If' || node.op === 'Split') {
      node.outputs.forEach((output, o) => {
        elements.set(output, facts.values.get(output)?.elements ?? null);
        if (node.op === 'Split') elements.set(output, splitPart(node, o));
      });
      return;
    }
    const dims = expected(node.outputs[0] ?? '');
    const compute = ruleOf(node.op)?.compute;
    if (dims === null || compute === undefined || hint(product(dims)) > SMALL) return;
    try {
      elements.set(node.outputs[0] ?? '', compute(siteOf(node)));
    } catch (error) {
      if (!(error instanceof ShapeUnknown)) throw error;
    }
  }

  function splitPart(node: FlatNode, output: number): readonly Element[] | null {
    const whole = elementsOf(node.inputs[0] ?? '');
    const sizes = node.outputs.map((name) => hint(product(expected(name) ?? [0])));
    const start = sizes.slice(0, output).reduce((a, b) => a + b, 0);
    return whole?.slice(start, start + (sizes[output] ?? 0)) ?? null;
  }

  /** A float that a shape made keeps its value: scales and head counts are what training knew. */
  function freeze(node: FlatNode): void {
    const output = node.outputs[0] ?? '';
    const before = facts.values.get(output);
    const now = elements.get(output);
    if (before?.elements == null || now == null || !FLOATS.includes(before.dtype)) return;
    if (!now.some((e, i) => e.fromShape && !sameElement(e, before.elements?.[i]))) return;
    const old = before.elements.map((e) => e.value);
    if (!old.every((v): v is number => typeof v === 'number')) {
      throw new GrowError('UNSUPPORTED_OP', 'a number computed from a grown size depends on the input size too', {
        where: nodeLabel(node),
        hint: 'export the model with this number as a constant',
      });
    }
    const dims = (before.dims ?? []).map(hint);
    const frozen = addConstant(draft, `${output}_frozen`, before.dtype, dims, old);
    for (const reader of data.consumers(output)) setInput(draft, reader.node, reader.input, frozen);
    elements.set(output, before.elements);
  }

  function correct(node: FlatNode, relation: Relation): void {
    const outputDims = axes.ofOutput(node, 0)?.map((axis) => growth.size(axis));
    if (outputDims === undefined) return;
    switch (node.op) {
      case 'Reshape':
        if (relation.kind === 'reshape') correctReshape(node, outputDims);
        return;
      case 'Expand':
        correctVector(node, 1, outputDims, (wanted, found) => found === 1 || equal(wanted, found));
        return;
      case 'Resize':
        correctVector(node, 3, outputDims, equal);
        return;
      case 'Tile':
        if (relation.kind === 'tile')
          correctVector(
            node,
            1,
            outputDims.map((size, d) => divideExactly(size, siteDims(node, 0)[d] ?? 1) ?? size),
            equal,
          );
        return;
      case 'ConstantOfShape':
        correctVector(node, 0, outputDims, equal);
        return;
      case 'Range':
        correctRange(node, outputDims[0] ?? 0);
        return;
      case 'Slice':
        if (relation.kind === 'slice') correctSlice(node, relation.ranges ?? []);
        return;
      case 'Split':
        if (relation.kind === 'split') correctSplit(node, relation.axis ?? 0);
        return;
      case 'GatherND':
        if (relation.kind === 'reshape') checkGrid(node);
        if (relation.kind === 'gather') correctGather(node, relation.axis ?? 0, relation.indices ?? []);
        return;
      case 'Gather':
        if (relation.kind === 'gather') correctGather(node, relation.axis ?? 0, relation.indices ?? []);
        return;
      default:
    }
  }

  /** Head counts, widths and scales that a fused operator holds as attributes. */
  function correctAttributes(node: FlatNode, relation: Labels): void {
    const sizeOf = (label: string): number => {
      const axis = axes.ofLabel(node, label);
      return axis === undefined ? hint(relation.sizes?.get(label) ?? 1) : growth.hint(axis);
    };
    const productOf = (labels: readonly string[]): number => labels.reduce((p, label) => p * sizeOf(label), 1);
    for (const [name, labels] of relation.attributes ?? []) {
      const old = node.node.attributes.find((own) => own.name === name);
      const list = labels.some((label) => typeof label !== 'string');
      if (!list) {
        const value = productOf(labels as readonly string[]);
        if (old?.kind !== 'int' || old.value !== value) setAttribute(draft, node, name, { name, kind: 'int', value });
        continue;
      }
      const values = (labels as readonly (readonly string[])[]).map(productOf);
      const given = old?.kind === 'ints' ? old.value : undefined;
      const needed = given !== undefined || new Set(values).size > 1;
      if (needed && !(given?.every((own, i) => own === values[i]) ?? false)) setAttribute(draft, node, name, { name, kind: 'ints', value: values });
    }
    const width = relation.attention === undefined ? undefined : axes.ofLabel(node, relation.attention.qk);
    if (width === undefined || !growth.grows(width)) return;
    for (const [name, value] of relation.keeps ?? []) {
      const old = node.node.attributes.find((own) => own.name === name);
      if (old?.kind !== 'float' || old.value === 0) setAttribute(draft, node, name, { name, kind: 'float', value });
    }
  }

  function siteDims(node: FlatNode, input: number): readonly Size[] {
    return siteOf(node).dims(input);
  }

  function correctReshape(node: FlatNode, wanted: readonly Size[]): void {
    const input = siteDims(node, 0);
    const allowZero = node.node.attributes.some((own) => own.name === 'allowzero' && own.kind === 'int' && own.value !== 0);
    const found = node.inputs.length > 1 ? elementsOf(node.inputs[1] ?? '')?.map((e) => e.value) : attributeInts(node, 'shape');
    if (found == null) {
      if (wanted.some((size, d) => !equal(size, facts.values.get(node.outputs[0] ?? '')?.dims?.[d] ?? size)))
        throw unsolved(node, 'its shape is computed from data');
      return;
    }
    const holds = (size: Size | null, d: number): boolean =>
      size !== null && (size === -1 || (size === 0 && !allowZero ? equal(input[d] ?? 0, wanted[d] ?? 1) : equal(size, wanted[d] ?? 1)));
    const free = found.indexOf(-1);
    if (found.every(holds)) {
      if (free < 0 || equal(product(wanted), product(input))) return;
    }
    if (node.inputs.length < 2) {
      setAttribute(draft, node, 'shape', {
        name: 'shape',
        kind: 'ints',
        value: found.map((size, d) => (holds(size, d) ? (size as number) : staticOr(node, wanted[d] ?? 1))),
      });
      return;
    }
    replaceElements(
      node,
      1,
      found,
      found.map((size, d) => (holds(size, d) ? null : (wanted[d] ?? 1))),
    );
  }

  /** A GatherND that reads all elements in their order still must. */
  function checkGrid(node: FlatNode): void {
    const depth = hint(facts.values.get(node.inputs[1] ?? '')?.dims?.at(-1) ?? 0);
    const grid = wholeGrid(siteDims(node, 0).slice(0, depth).map(hint));
    const found = elementsOf(node.inputs[1] ?? '');
    if (found?.length !== grid.length || found.some((e, i) => e.value !== grid[i])) throw unsolved(node, 'its indices do not follow the grown size');
  }

  function correctVector(node: FlatNode, input: number, wanted: readonly Size[], holds: (wanted: Size, found: Size) => boolean): void {
    const found = elementsOf(node.inputs[input] ?? '')?.map((e) => e.value);
    if (found == null) return;
    const offset = wanted.length - found.length;
    const fixes = found.map((size, i) => (size !== null && holds(wanted[i + offset] ?? 1, size) ? null : (wanted[i + offset] ?? 1)));
    if (fixes.some((fix) => fix !== null)) replaceElements(node, input, found, fixes);
  }

  function correctRange(node: FlatNode, wanted: Size): void {
    const axis = axes.ofOutput(node, 0)?.[0];
    if (axis === undefined || !growth.grows(axis)) return keepNumbers(node);
    const [start, limit, delta] = [0, 1, 2].map((i) => elementsOf(node.inputs[i] ?? '')?.[0]?.value);
    if (typeof start !== 'number' || typeof delta !== 'number' || !isStatic(wanted)) throw unsolved(node, 'its length is computed');
    const end = start + wanted * delta;
    if (limit !== end) replaceElements(node, 1, [limit ?? null], [end]);
  }

  /** A Range that does not grow counts what it counted, also where it starts or ends at a size that grows: it may be read as numbers. */
  function keepNumbers(node: FlatNode): void {
    node.inputs.forEach((name, input) => {
      const [before, now] = [facts.elements(name)?.[0], elementsOf(name)?.[0]];
      if (before?.value == null || now === undefined || sameElement(now, before)) return;
      replaceElements(node, input, [now.value], [before.value]);
    });
  }

  function correctSlice(node: FlatNode, ranges: readonly ({ readonly start: Size; readonly end: Size; readonly step: number } | null)[]): void {
    const own = axes.ofInput(node, 0) ?? [];
    const rank = own.length;
    const byInput = node.inputs.length > 1;
    const listed = byInput ? elementsOf(node.inputs[3] ?? '')?.map((e) => e.value as number) : attributeInts(node, 'axes');
    const read = (input: number, name: string): readonly (Size | null)[] | undefined =>
      byInput ? elementsOf(node.inputs[input] ?? '')?.map((e) => e.value) : attributeInts(node, name);
    const [starts, ends] = [read(1, 'starts'), read(2, 'ends')];
    const count = Math.max(starts?.length ?? 0, ends?.length ?? 0, byInput ? hint(facts.values.get(node.inputs[1] ?? '')?.dims?.[0] ?? 0) : 0);
    const sliced = listed ?? Array.from({ length: count }, (_, i) => i);
    const startFixes: (Size | null)[] = [];
    const endFixes: (Size | null)[] = [];
    sliced.forEach((axisNumber, i) => {
      const d = axisNumber < 0 ? axisNumber + rank : axisNumber;
      const axis = own[d];
      const range = ranges[d] ?? null;
      startFixes[i] = null;
      endFixes[i] = null;
      if (axis === undefined) return;
      const total = growth.size(axis);
      const clamp = (bound: Size | null | undefined): Size | null =>
        bound == null ? null : hint(bound) < 0 ? add(bound, total) : hint(bound) > hint(total) ? total : bound;
      const wanted =
        range === null ? { start: 0, end: total } : { start: growth.boundary(axis, hint(range.start)), end: growth.boundary(axis, hint(range.end)) };
      if (range !== null && range.step < 0) return;
      const [start, end] = [clamp(starts?.[i]), clamp(ends?.[i])];
      // bounds of an axis that stays may be computed from one that grows
      if (!growth.grows(axis) && (start === null || end === null || !isStatic(total) || !isStatic(start) || !isStatic(end))) return;
      if (start === null || !equal(start, wanted.start)) startFixes[i] = wanted.start;
      if (end === null || !equal(end, wanted.end)) endFixes[i] = wanted.end;
    });
    const apply = (input: number, name: string, found: readonly (Size | null)[] | undefined, fixes: readonly (Size | null)[]): void => {
      if (!fixes.some((fix) => fix !== null)) return;
      if (byInput) replaceElements(node, input, found ?? fixes.map(() => null), fixes);
      else setAttribute(draft, node, name, { name, kind: 'ints', value: fixes.map((fix, i) => (fix === null ? (found?.[i] as number) : staticOr(node, fix))) });
    };
    apply(1, 'starts', starts, startFixes);
    apply(2, 'ends', ends, endFixes);
  }

  function correctSplit(node: FlatNode, axis: number): void {
    const own = axes.ofInput(node, 0)?.[axis];
    if (own === undefined || !growth.grows(own)) return;
    const wanted = node.outputs.map((_, o) => (axes.ofOutput(node, o)?.[axis] === undefined ? 0 : growth.size(axes.ofOutput(node, o)?.[axis] as Axis)));
    if ((node.inputs[1] ?? '') !== '') {
      const found = elementsOf(node.inputs[1] ?? '')?.map((e) => e.value) ?? wanted.map(() => null);
      const fixes = wanted.map((size, i) => (found[i] != null && equal(found[i] as Size, size) ? null : size));
      if (fixes.some((fix) => fix !== null)) replaceElements(node, 1, found, fixes);
      return;
    }
    if (attributeInts(node, 'split') === undefined && wanted.every((size) => equal(size, wanted[0] ?? 0))) return;
    const sizes = wanted.map((size) => staticOr(node, size));
    if (opset < 13) {
      setAttribute(draft, node, 'split', { name: 'split', kind: 'ints', value: sizes });
      return;
    }
    setAttribute(draft, node, 'num_outputs', null);
    setInput(draft, node, 1, addConstant(draft, `${node.outputs[0] ?? 'split'}_sizes`, DataType.INT64, [sizes.length], sizes));
  }

  function correctGather(node: FlatNode, axis: number, indices: readonly number[]): void {
    const own = axes.ofInput(node, 0)?.[axis];
    if (own === undefined || !growth.grows(own)) return;
    const out = axes.ofOutput(node, 0)?.[axis];
    const deep = node.op === 'GatherND' ? [1] : [];
    const scalar = facts.values.get(node.inputs[1] ?? '')?.dims?.length === deep.length;
    const start = growth.boundary(own, indices[0] ?? 0);
    const wanted =
      scalar || out === undefined
        ? indices.map((index) => growth.position(own, index))
        : isRange(indices)
          ? Array.from({ length: growth.hint(out) }, (_, i) => start + i)
          : pickedIndices(growth, own, out, indices);
    const dims = scalar ? deep : [wanted.length, ...deep];
    if (wanted.length === indices.length && wanted.every((index, i) => index === indices[i])) return;
    setInput(draft, node, 1, addConstant(draft, `${node.outputs[0] ?? 'gather'}_indices`, DataType.INT64, dims, wanted));
  }

  function attributeInts(node: FlatNode, name: string): readonly number[] | undefined {
    const found = node.node.attributes.find((own) => own.name === name);
    return found?.kind === 'ints' ? found.value : undefined;
  }

  function staticOr(node: FlatNode, size: Size): number {
    if (isStatic(size)) return size;
    throw unsolved(node, 'an attribute would have to hold a size that depends on the input');
  }

  /** Replaces elements of an integer operand; null keeps one. */
  function replaceElements(node: FlatNode, input: number, found: readonly (Size | null)[], fixes: readonly (Size | null)[]): void {
    const name = currentOf(draft, node)?.inputs[input] ?? '';
    const dtype = facts.values.get(node.inputs[input] ?? '')?.dtype ?? DataType.INT64;
    const dims = facts.values.get(node.inputs[input] ?? '')?.dims?.length === 0 ? [] : [fixes.length];
    const whole = fixes.map((fix, i) => fix ?? found[i] ?? null);
    if (whole.every((size): size is number => typeof size === 'number')) {
      setInput(draft, node, input, addConstant(draft, `${node.outputs[0] ?? 'size'}_size`, dtype, dims, whole));
      return;
    }
    const { concat, casts } = joinBehind(node.inputs[input] ?? '');
    if (concat !== undefined && concat.inputs.length === fixes.length) {
      setInput(draft, node, input, rejoined(node, concat, casts, fixes));
      return;
    }
    const dynamic = fixes.flatMap((fix, i) => (fix !== null && !isStatic(fix) ? [{ fix, i }] : []));
    const [only] = dynamic;
    if (only !== undefined) {
      if (fixes.filter((fix) => fix !== null).length > 1) throw unsolved(node, 'several sizes of one shape depend on the input');
      setInput(draft, node, input, solved(node, node.inputs[input] ?? '', only.i, only.fix));
      return;
    }
    const mask = addConstant(
      draft,
      `${node.outputs[0] ?? 'size'}_keep`,
      DataType.BOOL,
      dims,
      fixes.map((fix) => (fix === null ? 1 : 0)),
    );
    const values = addConstant(
      draft,
      `${node.outputs[0] ?? 'size'}_size`,
      dtype,
      dims,
      fixes.map((fix) => (typeof fix === 'number' ? fix : 0)),
    );
    const joined = newNode(draft, node, 'Where', [mask, name, values]);
    insertBefore(draft, node, joined);
    setInput(draft, node, input, joined.outputs[0] ?? '');
  }

  /** The Concat that makes a vector of sizes, and the casts between it and its reader, innermost first. */
  function joinBehind(name: string): { concat: FlatNode | undefined; casts: readonly FlatNode[] } {
    const maker = data.producer(name);
    if (maker?.op !== 'Cast' && maker?.op !== 'Identity') return { concat: maker?.op === 'Concat' ? maker : undefined, casts: [] };
    const further = joinBehind(maker.inputs[0] ?? '');
    return { ...further, casts: [...further.casts, maker] };
  }

  /** A copy of a Concat of single sizes, and of the casts behind it, with the pieces that must change. */
  function rejoined(node: FlatNode, concat: FlatNode, casts: readonly FlatNode[], fixes: readonly (Size | null)[]): string {
    const dtype = facts.values.get(concat.outputs[0] ?? '')?.dtype ?? DataType.INT64;
    const pieces = concat.inputs.map((piece, i) => {
      const fix = fixes[i] ?? null;
      if (fix === null) return currentOf(draft, concat)?.inputs[i] ?? piece;
      return isStatic(fix) ? addConstant(draft, `${node.outputs[0] ?? 'size'}_size`, dtype, [1], [fix]) : solved(node, piece, 0, fix);
    });
    let made = newNode(draft, node, 'Concat', pieces, { attributes: plainAttributes(concat) });
    insertBefore(draft, node, made);
    for (const cast of casts) {
      made = newNode(draft, node, cast.op, [made.outputs[0] ?? ''], { attributes: plainAttributes(cast) });
      insertBefore(draft, node, made);
    }
    return made.outputs[0] ?? '';
  }

  /**
   * A copy of the expression behind an operand in which one constant is changed so that an element comes out as wanted. Other
   * readers of the expression keep theirs: layers share such expressions and may grow apart.
   */
  function solved(reader: FlatNode, name: string, index: number, wanted: Size): string {
    const maker = data.producer(name);
    const fail = (): never => {
      throw unsolved(reader, `element ${index} of ${name} should be ${keyOf(wanted)}`);
    };
    if (maker === undefined) return fail();
    const at = (i: number): Size | null => elementsOf(maker.inputs[i] ?? '')?.[0]?.value ?? null;
    const constant = (i: number): boolean => facts.values.get(maker.inputs[i] ?? '')?.dependence === 'constant';
    const copy = (input: number, value: string): string => {
      const inputs = (currentOf(draft, maker) ?? maker).inputs.map((own, i) => (i === input ? value : own));
      const made = newNode(draft, reader, maker.op, inputs, {
        name: `${maker.node.name === '' ? maker.op : maker.node.name}_resized`,
        attributes: plainAttributes(maker),
      });
      insertBefore(draft, reader, made);
      return made.outputs[0] ?? '';
    };
    const changed = (input: number, size: Size | undefined): string => {
      if (size === undefined || !isStatic(size)) return fail();
      const own = facts.values.get(maker.inputs[input] ?? '');
      // one number of several cannot be another one than the rest
      if ((own?.dims ?? []).some((dim) => dim !== 1)) return fail();
      return copy(input, addConstant(draft, `${maker.outputs[0] ?? 'size'}_size`, own?.dtype ?? DataType.INT64, (own?.dims ?? []).map(hint), [size]));
    };
    const further = (input: number, size: Size | undefined, i = 0): string =>
      size === undefined ? fail() : copy(input, solved(reader, maker.inputs[input] ?? '', i, size));
    switch (maker.op) {
      case 'Unsqueeze':
      case 'Squeeze':
      case 'Reshape':
      case 'Cast':
      case 'Identity':
        return further(0, wanted, index);
      case 'Concat': {
        let before = 0;
        for (let i = 0; i < maker.inputs.length; i++) {
          const count = hint(product(expected(maker.inputs[i] ?? '') ?? [1]));
          if (index < before + count) return further(i, wanted, index - before);
          before += count;
        }
        return fail();
      }
      case 'Mul': {
        const free = [1, 0].find(constant);
        const [a, b] = [at(0), at(1)];
        if (free !== undefined) return changed(free, divideExactly(wanted, (free === 1 ? a : b) ?? 0));
        return further(0, b === null ? undefined : divideExactly(wanted, b));
      }
      case 'Div':
        return constant(1) ? changed(1, divideExactly(at(0) ?? 0, wanted)) : further(0, multiply(wanted, at(1) ?? 1));
      case 'Add':
      case 'Sub': {
        const sign = maker.op === 'Add' ? 1 : -1;
        if (constant(1)) return changed(1, multiply(subtract(wanted, at(0) ?? 0), sign));
        return constant(0) ? changed(0, sign === 1 ? subtract(wanted, at(1) ?? 0) : subtract(at(0) ?? 0, wanted)) : fail();
      }
      default:
        return fail();
    }
  }

  function unsolved(node: FlatNode, what: string): GrowError {
    return new GrowError('UNSUPPORTED_OP', `a size cannot be re-derived: ${what}`, {
      where: nodeLabel(node),
      hint: 'export the model with this shape as a constant, or report the graph',
    });
  }
}

const plainAttributes = ({ node }: FlatNode): Attribute[] => node.attributes.map(({ origin: _, ...own }) => own as Attribute);

function sameElement(a: Element, b: Element | undefined): boolean {
  if (b === undefined || a.value === null || b.value === null) return a.value === b?.value;
  return equal(a.value, b.value);
}
