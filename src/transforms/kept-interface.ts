/** The interface of the model is kept: streams are padded and cut inside, only caches widen; declared shapes follow. */
import { type Axis, leavesOf } from '../analysis/axis.ts';
import type { Analysis } from '../analysis/graph-analysis.ts';
import { hint, isStatic } from '../analysis/size.ts';
import { type FlatNode, opsetVersion } from '../onnx/graph.ts';
import { type Attribute, DataType, type Model, type ValueInfo } from '../onnx/ir.ts';
import { addConstant, type Draft, insertAfter, insertBefore, newNode, redirect, setOutput } from './draft.ts';
import type { AxisGrowth } from './grow-axis.ts';
import type { WidenRequest } from './widen-request.ts';

/** Inputs that carry the hidden width keep it and are padded inside; caches widen. */
export function keepInputs(analysis: Analysis, draft: Draft, growth: AxisGrowth, request: WidenRequest): string[] {
  const { axes, flat } = analysis;
  const changes: string[] = [];
  draft.inputs = flat.inputs.map((input) => {
    const own = axes.of(input.name) ?? [];
    const grown = own.flatMap((axis, d) => (growth.grows(axis) ? [d] : []));
    if (grown.length === 0) return input;
    const stream = grown.filter((d) => leavesOf(own[d] as Axis).some((leaf) => request.streams.has(leaf)));
    if (stream.length > 0) {
      const dim = stream[0] ?? 0;
      padInput(analysis, draft, growth, input, dim, own[dim] as Axis);
      changes.push(`input ${input.name} keeps its width ${hint(own[dim]?.size ?? 0)} and is padded inside`);
      return input;
    }
    const widened = resized(input, own, growth);
    changes.push(...describeChange('input', input, widened));
    return widened;
  });
  return changes;
}

function padInput(analysis: Analysis, draft: Draft, growth: AxisGrowth, input: ValueInfo, dim: number, axis: Axis): void {
  const { data, facts, flat } = analysis;
  const rank = facts.values.get(input.name)?.dims?.length ?? 1;
  const before = hint(axis.size);
  const after = growth.hint(axis);
  const pads = Array.from({ length: 2 * rank }, (_, i) => (i === rank + dim ? after - before : 0));
  const [first] = flat.nodes;
  if (first === undefined || data.consumers(input.name).length === 0) return;
  const opset = opsetVersion(flat.model);
  const node =
    opset < 11
      ? newNode(draft, { ...first, scope: '' }, 'Pad', [input.name], { name: `${input.name}/Pad`, attributes: [{ name: 'pads', kind: 'ints', value: pads }] })
      : newNode(draft, { ...first, scope: '' }, 'Pad', [input.name, addConstant(draft, `${input.name}_pads`, DataType.INT64, [pads.length], pads)], {
          name: `${input.name}/Pad`,
        });
  redirect(draft, input.name, node.outputs[0] ?? '');
  insertBefore(draft, first, node);
}

/** Outputs that carry a stream or attention weights keep their size and are cut to the old elements; caches widen. */
export function keepOutputs(analysis: Analysis, draft: Draft, growth: AxisGrowth, request: WidenRequest): string[] {
  const { axes, flat } = analysis;
  const changes: string[] = [];
  const perHead = new Set(request.attention.flatMap((own) => [...leavesOf(own.qk), ...leavesOf(own.v)]));
  draft.outputs = flat.outputs.map((output) => {
    const own = axes.of(output.name) ?? [];
    const grown = own.flatMap((axis, d) => (growth.grows(axis) ? [d] : []));
    if (grown.length === 0) return output;
    const cache = own.some((axis) => leavesOf(axis).some((leaf) => perHead.has(leaf)));
    if (cache || request.exposeOutputs) {
      const widened = resized(output, own, growth);
      changes.push(...describeChange('output', output, widened));
      return widened;
    }
    cutOutput(
      analysis,
      draft,
      growth,
      output.name,
      grown.map((d) => ({ dim: d, axis: own[d] as Axis })),
    );
    changes.push(`output ${output.name} keeps its width: cut to the old elements`);
    return output;
  });
  return changes;
}

function cutOutput(analysis: Analysis, draft: Draft, growth: AxisGrowth, name: string, cuts: readonly { dim: number; axis: Axis }[]): void {
  const { data } = analysis;
  const producer = data.producer(name);
  if (producer === undefined) return;
  const anchor = producer;
  const wide = newNode(draft, anchor, 'Identity', [], { name: `${name}_wide` }).outputs[0] ?? '';
  const after = draft.slots.get(producer)?.after ?? [];
  const maker = after.findIndex((node) => node.outputs.includes(name));
  if (maker < 0) setOutput(draft, producer, producer.outputs.indexOf(name), wide);
  else after[maker] = { ...(after[maker] as FlatNode), outputs: (after[maker] as FlatNode).outputs.map((own) => (own === name ? wide : own)) };
  redirect(draft, name, wide);
  let value = wide;
  cuts.forEach(({ dim, axis }, i) => {
    const map = growth.map(axis) ?? new Int32Array();
    const old = hint(axis.size);
    const prefix = map.every((own, at) => own === (at < old ? at : -1));
    const vector = (label: string, values: readonly number[]): string => addConstant(draft, `${name}_${label}`, DataType.INT64, [values.length], values);
    const attributes: Attribute[] = [{ name: 'axis', kind: 'int', value: dim }];
    const plain: Attribute[] = [
      { name: 'axes', kind: 'ints', value: [dim] },
      { name: 'starts', kind: 'ints', value: [0] },
      { name: 'ends', kind: 'ints', value: [old] },
    ];
    const node = !prefix
      ? newNode(
          draft,
          anchor,
          'Gather',
          [
            value,
            vector(
              'indices',
              [...map].flatMap((own, at) => (own >= 0 ? [at] : [])),
            ),
          ],
          { attributes },
        )
      : opsetVersion(analysis.flat.model) < 10
        ? newNode(draft, anchor, 'Slice', [value], { attributes: plain })
        : newNode(draft, anchor, 'Slice', [value, vector('start', [0]), vector('end', [old]), vector('axis', [dim])]);
    const last = i === cuts.length - 1;
    insertAfter(draft, anchor, last ? { ...node, outputs: [name] } : node);
    value = node.outputs[0] ?? '';
  });
}

function resized(info: ValueInfo, own: readonly Axis[], growth: AxisGrowth): ValueInfo {
  if (info.type?.dims == null) return info;
  const dims = info.type.dims.map((dim, d) => {
    const axis = own[d];
    if (axis === undefined || !growth.grows(axis)) return dim;
    // a name may stand for the width of keys and of values, which part here
    const size = growth.size(axis);
    return isStatic(size) ? size : dim;
  });
  return { ...info, type: { ...info.type, dims } };
}

function describeChange(what: string, before: ValueInfo, after: ValueInfo): string[] {
  const [old, now] = [before.type?.dims ?? [], after.type?.dims ?? []];
  return old.some((dim, d) => dim !== now[d]) ? [`${what} ${before.name}: [${old.join(', ')}] → [${now.join(', ')}]`] : [`${what} ${before.name} is wider`];
}

/** Declared shapes of intermediate values follow the growth. */
export function declareShapes({ axes, flat }: Analysis, draft: Draft, growth: AxisGrowth): void {
  const declared = new Map<string, ValueInfo>();
  for (const info of flat.model.graph.valueInfos) declared.set(info.name, info);
  for (const node of flat.nodes) {
    for (const name of node.outputs) {
      const own = axes.of(name);
      if (own === undefined || !own.some((axis) => growth.grows(axis))) continue;
      const info = declared.get(name) ?? declaredInBranch(flat.model, name);
      if (info?.type != null) draft.valueInfos.set(name, resized(info, own, growth).type);
    }
  }
}

function declaredInBranch(model: Model, flatName: string): ValueInfo | undefined {
  const local = flatName.slice(flatName.lastIndexOf('\u001f') + 1);
  if (local === flatName) return undefined;
  for (const node of model.graph.nodes) {
    for (const attribute of node.attributes) {
      if (attribute.kind !== 'graph') continue;
      const found = [...attribute.value.valueInfos, ...attribute.value.outputs].find((info) => info.name === local);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}
