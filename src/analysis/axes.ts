/** Which axes the dimensions of every value have: one forward pass over the relations of all nodes. */
import { type FlatGraph, type FlatNode, nodeLabel } from '../onnx/graph.ts';
import { type Axis, align, become, compose, cut, factorsOf, find, follow, leaf, Misaligned, pin, printAxis, unify } from './axis.ts';
import type { Composite, Labels, View } from './relation.ts';
import type { Seams } from './seams.ts';
import type { Facts } from './shapes.ts';
import { divideExactly, equal, hint, isStatic, multiply, type Size, subtract } from './size.ts';

/** The axes of a graph, by value and operand. */
export interface Axes {
  /** Axes of a value's dimensions; undefined when its rank is not known. */
  of(value: string): readonly Axis[] | undefined;
  /** Axes of an operand's dimensions: small shared constants have axes of their own at every use. */
  ofInput(node: FlatNode, input: number): readonly Axis[] | undefined;
  /** Axes of a result as its operator makes it; other than those of the value at a seam. */
  ofOutput(node: FlatNode, output: number): readonly Axis[] | undefined;
  /** The axis of a label of a fused operator. */
  ofLabel(node: FlatNode, label: string): Axis | undefined;
}

/** Finds the axes of every value of a graph; at a seam an operator has axes of its own. */
export function findAxes(flat: FlatGraph, facts: Facts, seams: Seams = new Map()): Axes {
  const made = new Map<string, readonly Axis[]>();
  const values = new Map<string, readonly Axis[]>();
  const uses = new Map<FlatNode, Map<number, readonly Axis[]>>();
  const labelled = new Map<FlatNode, ReadonlyMap<string, Axis>>();
  const ownAtEachUse = new Set<string>();
  for (const [name, { tensor }] of flat.constants) {
    if (tensor.dims.filter((size) => size !== 1).length <= 1) ownAtEachUse.add(name);
  }
  const fresh = (dims: readonly Size[]): Axis[] => dims.map(leaf);
  const apart = (own: readonly Axis[], dims: ReadonlySet<number>): Axis[] => own.map((axis, d) => (dims.has(d) ? leaf(find(axis).size) : axis));
  const of = (name: string): readonly Axis[] | undefined => {
    const dims = facts.values.get(name)?.dims;
    if (!values.has(name) && dims != null) values.set(name, fresh(dims));
    return values.get(name);
  };
  const ofInput = (node: FlatNode, input: number): readonly Axis[] | undefined => {
    const name = node.inputs[input] ?? '';
    if (name === '') return undefined;
    const cutAt = seams.get(node)?.inputs.get(input);
    if (!ownAtEachUse.has(name) && cutAt === undefined) return of(name);
    const own = uses.get(node) ?? new Map<number, readonly Axis[]>();
    if (!own.has(input)) own.set(input, cutAt === undefined ? fresh(facts.values.get(name)?.dims ?? []) : apart(of(name) ?? [], cutAt));
    uses.set(node, own);
    return own.get(input);
  };

  for (const node of flat.nodes) {
    const relation = facts.relations.get(node);
    if (relation === undefined) continue;
    if (relation.kind === 'unknown') {
      node.inputs.forEach((_, i) => {
        for (const axis of ofInput(node, i) ?? []) pin(axis, `${nodeLabel(node)}: ${relation.reason}`);
      });
      for (const output of node.outputs) for (const axis of of(output) ?? []) pin(axis, `${nodeLabel(node)}: ${relation.reason}`);
    } else if (relation.kind === 'labels') {
      relateLabels(node, relation);
    } else {
      relateView(node, relation);
    }
    for (const [output, dims] of seams.get(node)?.outputs ?? []) {
      const name = node.outputs[output] ?? '';
      const own = values.get(name) ?? [];
      made.set(name, own);
      values.set(name, apart(own, dims));
    }
  }
  return {
    of,
    ofInput,
    ofOutput: (node, output) => made.get(node.outputs[output] ?? '') ?? of(node.outputs[output] ?? ''),
    ofLabel: (node, label) => labelled.get(node)?.get(label),
  };

  /** Runs one unification; what cannot be brought together stays apart and must not grow. */
  function attempt(node: FlatNode, axes: readonly Axis[], unification: () => void): boolean {
    try {
      unification();
      return true;
    } catch (error) {
      if (!(error instanceof Misaligned)) throw error;
      for (const axis of axes) pin(axis, `${nodeLabel(node)}: ${error.message}`);
      return false;
    }
  }

  function relateLabels(node: FlatNode, relation: Labels): void {
    const byLabel = new Map<string, Axis>();
    relation.inputs.forEach((labels, i) => {
      if (labels === null || (node.inputs[i] ?? '') === '') return;
      const axes = ofInput(node, i);
      labels.forEach((label, d) => {
        const axis = axes?.[d];
        if (label === '' || axis === undefined) return;
        const before = byLabel.get(label);
        if (before === undefined) byLabel.set(label, axis);
        else if (find(before).size === 1) byLabel.set(label, axis);
        else attempt(node, [before, axis], () => unify(before, axis));
      });
    });
    for (const [label, composite] of relation.composites ?? []) {
      const made = composed(composite, relation, byLabel);
      const before = byLabel.get(label);
      if (before !== undefined) attempt(node, [before, made], () => unify(before, made));
      byLabel.set(label, before ?? made);
    }
    for (const [label, { form, of: base, by }] of relation.derived ?? []) {
      const before = byLabel.get(label);
      if (!byLabel.has(base)) byLabel.set(base, leaf(relation.sizes?.get(base) ?? 1));
      const made = follow(form, byLabel.get(base) as Axis, by);
      if (before !== undefined) attempt(node, [before, made], () => unify(before, made));
    }
    if (relation.composites !== undefined || relation.attributes !== undefined || relation.derived !== undefined) labelled.set(node, byLabel);
    node.outputs.forEach((output, o) => {
      const dims = facts.values.get(output)?.dims;
      const labels = relation.outputs[o];
      if (output === '' || dims == null || labels === undefined) return;
      values.set(
        output,
        labels.map((label, d) => {
          const size = dims[d] ?? 1;
          const axis = byLabel.get(label);
          if (axis !== undefined) return axis;
          const made = leaf(size);
          byLabel.set(label, made);
          return made;
        }),
      );
    });
  }

  function composed(part: string | Composite, relation: Labels, byLabel: Map<string, Axis>): Axis {
    if (typeof part !== 'string')
      return compose(
        part.form,
        part.of.map((own) => composed(own, relation, byLabel)),
      );
    const known = byLabel.get(part);
    if (known !== undefined) return known;
    const made = leaf(relation.sizes?.get(part) ?? 1);
    byLabel.set(part, made);
    return made;
  }

  function relateView(node: FlatNode, view: View): void {
    const input = ofInput(node, 0);
    const outputs = view.outputs.map((dims) => fresh(dims));
    node.outputs.forEach((output, o) => {
      const axes = outputs[o];
      if (output !== '' && axes !== undefined) values.set(output, axes);
    });
    if (input === undefined) return;
    const [first = []] = outputs;
    const keepOthers = (axes: Axis[], changed: ReadonlySet<number>): void => {
      axes.forEach((_, d) => {
        const own = input[d];
        if (!changed.has(d) && own !== undefined) axes[d] = own;
      });
    };
    const { axis = 0 } = view;
    switch (view.kind) {
      case 'reshape':
        reshapeAxes(node, input, first);
        return;
      case 'concat': {
        const operands = node.inputs.map((_, i) => ofInput(node, i));
        first.forEach((axisOut, d) => {
          const pieces = operands.flatMap((axes) => (axes?.[d] === undefined ? [] : [axes[d]]));
          if (pieces.length < operands.length) return;
          if (d !== axis) {
            for (const piece of pieces) if (attempt(node, [axisOut, piece], () => unify(axisOut, piece))) continue;
            return;
          }
          const real = pieces.filter((piece) => find(piece).size !== 0);
          if (real.every((piece) => find(piece).size === 1)) {
            pin(axisOut, `${nodeLabel(node)}: each of its elements is made by nodes of its own`);
            return;
          }
          first[d] = compose(
            'sum',
            real.map((piece) => (find(piece).size === 1 ? leaf(1) : piece)),
          );
        });
        return;
      }
      case 'split': {
        const whole = input[axis];
        outputs.forEach((axes) => {
          keepOthers(axes, new Set([axis]));
        });
        if (whole === undefined) return;
        attempt(node, [whole], () => {
          cut(whole, view.parts ?? []).forEach((piece, o) => {
            const axes = outputs[o];
            if (axes !== undefined) axes[axis] = piece;
          });
        });
        return;
      }
      case 'slice': {
        const changed = new Set((view.ranges ?? []).flatMap((own, d) => (own === null ? [] : [d])));
        keepOthers(first, changed);
        (view.ranges ?? []).forEach((own, d) => {
          const whole = input[d];
          if (own !== null && whole !== undefined) attempt(node, [whole], () => sliceAxis(whole, own, first, d));
        });
        return;
      }
      case 'gather': {
        const indices = view.indices ?? [];
        const whole = input[axis];
        const out = view.scalar === true ? input.filter((_, d) => d !== axis) : input.map((own, d) => (d === axis ? leaf(indices.length) : own));
        const name = node.outputs[0] ?? '';
        values.set(name, out);
        const start = indices[0] ?? 0;
        const contiguous = indices.every((index, i) => index === start + i);
        if (view.scalar === true || whole === undefined) return;
        if (!contiguous) {
          picked(node, whole, out, indices);
          return;
        }
        attempt(node, [whole], () => {
          const size = find(whole).size;
          if (!isStatic(size)) return;
          const pieces = cut(whole, [start, indices.length, size - start - indices.length]);
          values.set(
            name,
            out.map((own, d) => (d === axis ? (pieces[1] ?? own) : own)),
          );
        });
        return;
      }
      case 'tile':
        first.forEach((_, d) => {
          const own = input[d];
          const repeat = view.repeats?.[d] ?? 1;
          if (own !== undefined) first[d] = repeat === 1 ? own : find(own).size === 1 ? leaf(repeat) : compose('product', [leaf(repeat), own]);
        });
        return;
      case 'pad':
        first.forEach((_, d) => {
          const own = input[d];
          const [before, after] = view.pads?.[d] ?? [0, 0];
          if (own === undefined) return;
          const pieces = [before, after].some((size) => hint(size) < 0) ? [] : [leaf(before), own, leaf(after)].filter((piece) => find(piece).size !== 0);
          if (pieces.length === 0) pin(own, `${nodeLabel(node)}: cuts by a negative pad`);
          else first[d] = compose('sum', pieces);
        });
    }
  }

  /** Elements picked in another order are all there, new ones behind; a choice of some stays a choice of the old ones; what repeats must not grow. */
  function picked(node: FlatNode, whole: Axis, out: Axis[], indices: readonly number[]): void {
    const relation = facts.relations.get(node);
    const axis = relation?.kind === 'gather' ? (relation.axis ?? 0) : 0;
    const reason = `${nodeLabel(node)}: picks single elements`;
    const own = out[axis] as Axis;
    if (new Set(indices).size !== indices.length) pin(whole, reason);
    else if (!equal(find(whole).size, indices.length)) pin(own, reason);
    // what a constant is ordered for decides where it grows; activations decide themselves
    else if (facts.values.get(node.inputs[0] ?? '')?.dependence === 'constant') attempt(node, [whole, own], () => unify(whole, follow('appended', own, 1)));
    else out[axis] = follow('appended', whole, 1);
  }

  function sliceAxis(whole: Axis, own: { start: Size; end: Size; step: number }, out: Axis[], d: number): void {
    const size = find(whole).size;
    if (own.step < 0) return pin(whole, 'read backwards by a Slice');
    if (own.step > 1) {
      if (!isStatic(own.start) || own.start >= own.step || !equal(own.end, size)) throw new Misaligned('a Slice with a step over a part');
      const stride = own.step;
      const factors = factorsOf(whole);
      const last = factors.at(-1);
      if (last === undefined) return;
      const outer = divideExactly(find(last).size, stride);
      if (outer === undefined) throw new Misaligned(`${printAxis(whole)} is no multiple of the step ${stride}`);
      if (last.form === 'leaf' && !equal(last.size, stride)) become(last, 'product', [leaf(outer), leaf(stride)]);
      const now = factorsOf(whole);
      const inner = now.at(-1);
      if (inner === undefined || !equal(inner.size, stride)) throw new Misaligned('a Slice with a step that crosses factors');
      out[d] = compose('product', now.slice(0, -1));
      return;
    }
    const length = subtract(own.end, own.start);
    const after = subtract(size, own.end);
    if (hint(length) <= 0 || hint(after) < 0 || hint(own.start) < 0) return;
    if (!isStatic(own.start) || (!isStatic(length) && !isStatic(after))) {
      if (isStatic(size)) pin(whole, 'a table read from a computed position');
      return;
    }
    out[d] = cut(whole, [own.start, length, after])[1] ?? leaf(length);
  }

  /** Groups of dimensions with equal products of sizes are brought together; a group that is misaligned stays apart. */
  function reshapeAxes(node: FlatNode, input: readonly Axis[], out: Axis[]): void {
    const left = input.filter((axis) => find(axis).size !== 1);
    const right = out.filter((axis) => find(axis).size !== 1);
    // equal last dimensions belong together whatever happens in front of them: windows of padded images divide without a formula
    while (left.length > 0 && right.length > 0 && equal(find(left.at(-1) as Axis).size, find(right.at(-1) as Axis).size)) {
      const last = [left.pop(), right.pop()] as [Axis, Axis];
      attempt(node, last, () => unify(...last));
    }
    let i = 0;
    let j = 0;
    while (i < left.length || j < right.length) {
      const [fromI, fromJ] = [i, j];
      let a: Size = find(left[i++] ?? leaf(1)).size;
      let b: Size = find(right[j++] ?? leaf(1)).size;
      while (!equal(a, b) && (i < left.length || j < right.length)) {
        const advanceLeft = j >= right.length || (i < left.length && hint(a) <= hint(b));
        if (advanceLeft) a = multiply(a, find(left[i++] as Axis).size);
        else b = multiply(b, find(right[j++] as Axis).size);
      }
      const group = left.slice(fromI, i);
      const into = right.slice(fromJ, j);
      if (!attempt(node, group, () => align(group, into))) {
        for (const axis of into) pin(axis, `${nodeLabel(node)}: Reshape across axes`);
      }
    }
  }
}
