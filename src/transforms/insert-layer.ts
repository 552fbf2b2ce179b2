/** The graph surgery of layer addition: copy the nodes of a layer, give the copy its own weights and caches, put it into the stream. */
import { hintOf, sameAxis } from '../analysis/axis.ts';
import type { Analysis } from '../analysis/graph-analysis.ts';
import { isProduct, type Operand } from '../analysis/norms.ts';
import { ruleOf } from '../analysis/op-rules.ts';
import { GrowError } from '../errors.ts';
import { type FlatNode, nodeLabel, SEPARATOR } from '../onnx/graph.ts';
import { type Attribute, DataType, type Model, type Tensor } from '../onnx/ir.ts';
import { tensorFromNumbers } from '../onnx/tensor.ts';
import {
  addConstant,
  addTensor,
  type Draft,
  finishDraft,
  freshName,
  insertAfter,
  insertBefore,
  newNode,
  scoped,
  setAttribute,
  setInput,
  setOutput,
  startDraft,
} from './draft.ts';
import { growTensor, randomTensor } from './fill.ts';
import { addCaches, aliasIn, type Caches, cacheNames, isCache, nextNumber, renumber } from './layer-caches.ts';
import { allAncestors, layerNodes } from './layer-nodes.ts';
import type { LayerPart } from './layer-part.ts';
import { operandName, readersWithin, sourceOf } from './norm-forms.ts';
import type { NormEdit } from './post-norm.ts';
import { isScaleOrPoint, quantisedUse, zeroPointOf } from './zero-points.ts';

/** What a new layer holds: its neighbour's weights, or random matrices of the same spread (gains and biases are its neighbour's). */
export type NewLayer = 'copy' | 'random';

/** How a new layer is made. */
export interface LayerMaking {
  readonly newLayer: NewLayer;
  readonly seed: number;
}

/** Copies a layer in every part (one per stack that shares its weights) and returns the bigger model. */
export function insertLayer(analysis: Analysis, parts: readonly LayerPart[], making: LayerMaking): { model: Model; interfaceChanges: string[] } {
  const draft = startDraft(analysis.flat);
  const shared = new Map<string, string>();
  const [first] = parts;
  if (first === undefined) return { model: analysis.flat.model, interfaceChanges: [] };
  const caches = cacheNames(analysis, parts);
  const number = nextNumber(first);
  const added = new Map<string, string>();
  const made = parts.map((part) => copyPart(analysis, draft, part, shared, caches, added, number, making));
  const changes = addCaches(
    analysis,
    draft,
    first,
    caches,
    added,
    made.map((own) => own.copies),
  );
  return { model: finishDraft(draft), interfaceChanges: changes };
}

function copyPart(
  analysis: Analysis,
  draft: Draft,
  part: LayerPart,
  shared: Map<string, string>,
  caches: Caches,
  added: Map<string, string>,
  number: number,
  making: LayerMaking,
): { copies: Map<string, string> } {
  const { data, flat } = analysis;
  const nodes = layerNodes(analysis, part, caches);
  const outside = part.zeroed.find(({ operand }) => !nodes.has(operand.node));
  if (outside !== undefined)
    throw new GrowError('UNSUPPORTED_AXIS', 'a layer cannot be inserted here exactly: it shares the weights of its result with what stands before it', {
      where: nodeLabel(outside.operand.node),
    });
  const copies = new Map<string, string>([[part.from, part.at]]);
  const rename = (text: string): string => renumber(text, part.layer.index, number);
  const cacheInputs = new Set((caches.inputs[part.layer.index] ?? []).map((info) => info.name));
  for (const name of cacheInputs) {
    if (!added.has(name)) added.set(name, freshName(draft, rename(name)));
    copies.set(name, added.get(name) ?? name);
  }
  const zeroed = new Map(part.zeroed.map((own) => [operandName(own.operand), own.value]));
  const taken = new Map(part.taken.map((own) => [operandName(own.operand), own.name]));
  const edits = new Map((part.merge?.copies ?? []).flatMap((edit) => normOperands(analysis, edit)));
  const ordered = flat.nodes.filter((node) => nodes.has(node));
  // a copied `If` has branches of its own
  const scopes = new Map(ordered.flatMap((node) => (node.branches ?? []).map((branch) => [branch, freshName(draft, `${branch}_copy`)] as const)));
  const scopeOf = (scope: string): string =>
    [...scopes].reduce((own, [from, to]) => (own === from || own.startsWith(`${from}/`) ? `${to}${own.slice(from.length)}` : own), scope);
  const clones: FlatNode[] = [];
  const blind = ordered.find((node) => node.inputs.slice(0, node.branches && 1).includes(part.from) && !sees(scopeOf(node.scope), part.at));
  if (blind !== undefined || !sees(scopeIn(part.at), part.to))
    throw new GrowError('UNSUPPORTED_AXIS', 'a layer cannot be inserted here exactly: one of its ends stands in a branch of an If, and the other outside', {
      where: blind === undefined ? `value ${part.to}` : nodeLabel(blind),
    });
  for (const node of ordered) {
    for (const output of node.outputs) {
      if (output === '' || flat.constants.has(output)) continue;
      copies.set(output, scoped(scopeOf(node.scope), freshName(draft, rename(output))));
    }
  }
  for (const node of ordered) {
    if (node.op === 'Constant') continue;
    const captured = node.branches === undefined ? node.inputs.slice(node.node.inputs.length).find((name) => copies.has(name)) : undefined;
    if (captured !== undefined)
      throw new GrowError('UNSUPPORTED_OP', `a layer cannot be inserted here exactly: the body of ${node.op} reads ${captured} of its layer`, {
        where: nodeLabel(node),
        hint: 'copy another layer, or export the model without the loop',
      });
    const inputs = node.inputs.map((name, input) => {
      const other = taken.get(operandName({ node, input }));
      if (other !== undefined) return other;
      if (name === '' || !flat.constants.has(name)) return copies.get(name) ?? original(name, node);
      const copy = constantCopy({ node, input }, name);
      // a branch hands out values of its own only
      const branch = node.branches?.[Math.floor((input - 1) / node.outputs.length)];
      return branch === undefined || copy === name ? copy : aliasIn(draft, node, scopeOf(branch), copy, name);
    });
    const { origin: _, ...plain } = node.node;
    const attributes = epsilonAttribute(node, part.merge?.copies ?? []);
    clones.push({
      ...node,
      scope: scopeOf(node.scope),
      ...(node.branches && { branches: node.branches.map(scopeOf) }),
      inputs,
      outputs: node.outputs.map((output) => copies.get(output) ?? output),
      node: { ...plain, name: freshName(draft, rename(node.node.name === '' ? `${node.op}_copy` : node.node.name)), attributes },
    });
  }
  gate(clones);
  place(clones);
  return { copies };

  /** Multiplies what the copy adds by gains of zeros: its branches, or the layer as a whole, which then is added to what it reads. */
  function gate(list: FlatNode[]): void {
    if (part.gated === 'whole') {
      const result = copies.get(part.to) ?? part.to;
      const like = list.findLast((node) => node.outputs.includes(result)) ?? (list.at(-1) as FlatNode);
      const scaled = newNode(draft, like, 'Mul', [result, gain(part.to, -1)]);
      const added = newNode(draft, like, 'Add', [part.at, scaled.outputs[0] ?? '']);
      list.push(scaled, added);
      copies.set(part.to, added.outputs[0] ?? '');
      return;
    }
    for (const branch of part.gated) {
      const at = list.findIndex((node) => node.outputs.includes(copies.get(branch.sum) ?? branch.sum));
      const add = list[at];
      const value = copies.get(branch.branch) ?? branch.branch;
      if (add === undefined || !add.inputs.includes(value))
        throw new GrowError('UNSUPPORTED_AXIS', `layers cannot grow: ${part.gatedBecause ?? 'a branch cannot be made zero'}`, {
          where: nodeLabel(branch.add),
        });
      const scaled = newNode(draft, add, 'Mul', [value, gain(branch.sum, part.layer.branches.indexOf(branch))]);
      list.splice(at, 1, scaled, { ...add, inputs: add.inputs.map((name) => (name === value ? (scaled.outputs[0] ?? '') : name)) });
    }
  }

  /** A vector of zeros over the channels of a stream value; branches of an `If` share it as they share weights. */
  function gain(value: string, branch: number): string {
    const key = `gain\u0000${branch}`;
    const known = shared.get(key);
    if (known !== undefined) return known;
    const own = analysis.axes.of(value) ?? [];
    const channel = own.findLastIndex((axis) => sameAxis(axis, part.stack.axis));
    const width = hintOf(part.stack.axis);
    const dims = channel < 0 ? [1] : [width, ...own.slice(channel + 1).map(() => 1)];
    const made = addConstant(
      draft,
      rename(`layer.${part.layer.index}.gain`),
      analysis.facts.values.get(value)?.dtype ?? DataType.FLOAT,
      dims,
      new Array<number>(dims[0] ?? 1).fill(0),
    );
    shared.set(key, made);
    return made;
  }

  /** A value the copy reads as its original does; never a cache, which every layer has of its own. */
  function original(name: string, node: FlatNode): string {
    if (isCache(analysis, part, name))
      throw new GrowError('UNSUPPORTED_AXIS', `layers cannot grow: the new layer would read the cache ${name} of another layer`, { where: nodeLabel(node) });
    return name;
  }

  function constantCopy(operand: Operand, name: string): string {
    const tensor = flat.constants.get(name)?.tensor as Tensor;
    const edit = edits.get(operandName(operand));
    const value = zeroed.get(operandName(operand));
    const hidden = scopeOf(flat.constants.get(name)?.scope ?? '') !== (flat.constants.get(name)?.scope ?? '');
    const owns = hidden || edit !== undefined || value !== undefined || isParameter(analysis, operand, tensor, nodes);
    if (!owns) return name;
    const key = `${name}\u0000${value ?? ''}\u0000${edit === undefined ? '' : edit.label}`;
    const known = shared.get(key);
    if (known !== undefined) return known;
    const base = rename(name);
    const copy =
      edit !== undefined
        ? addTensor(draft, base, tensorFromNumbers(base, tensor.dataType, tensor.dims, edit.numbers(tensor)))
        : addTensor(draft, base, value === undefined ? fresh(base, operand, tensor) : filled(analysis, operand, tensor, value));
    shared.set(key, copy);
    return copy;
  }

  /** The weights of the new layer where nothing forces them. */
  function fresh(base: string, operand: Operand, tensor: Tensor): Tensor {
    const { node } = operand;
    if (making.newLayer !== 'random' || isScaleOrPoint(operand) !== null) return tensor;
    const feedsProduct = isProduct(node) || node.outputs.some((output) => data.consumers(output).some((reader) => isProduct(reader.node)));
    const isMatrix = feedsProduct && tensor.dims.filter((size) => size > 1).length > 1;
    return isMatrix ? randomTensor({ ...tensor, name: base }, making.seed, zeroPointOf(analysis, operand, null)) : tensor;
  }

  /** Puts the copies behind the stream value and lets what read it read the new layer's result. */
  function place(list: readonly FlatNode[]): void {
    const result = copies.get(part.to) ?? part.to;
    const producer = data.producer(part.at);
    const outside = allAncestors(
      analysis,
      list.flatMap((node) => node.inputs),
    );
    const isOutput = flat.outputs.some((output) => output.name === part.at) || joined(part.at);
    const left = data.consumers(part.at).find(({ node }) => node.op !== 'Shape' && outside.has(node));
    if (part.merge !== null && left !== undefined) {
      throw new GrowError('UNSUPPORTED_AXIS', 'a post-norm layer cannot be inserted here exactly: what it reads depends on what stands behind it', {
        where: nodeLabel(left.node),
        hint: 'insert it after another layer',
      });
    }
    if (part.merge !== null) editPreceding(part.merge.preceding);
    if (isOutput && producer !== undefined) {
      const inner = scoped(producer.scope, freshName(draft, `${part.at}_before`));
      const mine = list
        .map((node) => ({
          ...node,
          inputs: node.inputs.map((name) => (name === part.at ? inner : name)),
          outputs: node.outputs.map((name) => (name === result ? part.at : name)),
        }))
        .map((node) => ({ ...node, inputs: node.inputs.map((name) => (name === result ? part.at : name)) }));
      for (const { node, input } of data.consumers(part.at)) if (node.op === 'Shape' || outside.has(node)) setInput(draft, node, input, inner);
      setOutput(draft, producer, producer.outputs.indexOf(part.at), inner);
      insertAfter(draft, producer, ...mine);
      copies.set(part.to, part.at);
      return;
    }
    for (const { node, input } of data.consumers(part.at)) {
      if (node.op !== 'Shape' && !outside.has(node)) setInput(draft, node, input, result);
    }
    if (producer !== undefined) insertAfter(draft, producer, ...list);
    else insertBefore(draft, flat.nodes[0] as FlatNode, ...list);
  }

  function joined(value: string): boolean {
    return data.consumers(value).some(({ node, input }) => node.op === 'If' && input > 0);
  }

  function editPreceding(edit: NormEdit): void {
    for (const [key, own] of normOperands(analysis, edit)) {
      const operand = own.operand;
      const name = operand.node.inputs[operand.input] ?? '';
      const tensor = flat.constants.get(name)?.tensor;
      if (tensor === undefined) throw new GrowError('UNSUPPORTED_AXIS', `the constant ${name} of a norm is computed`, {});
      const shareKey = `preceding\u0000${key}`;
      const known = shared.get(shareKey) ?? addTensor(draft, `${name}_merged`, tensorFromNumbers(name, tensor.dataType, tensor.dims, own.numbers(tensor)));
      shared.set(shareKey, known);
      setInput(draft, operand.node, operand.input, known);
    }
    const [node] = edit.norm.statistics;
    if (edit.norm.epsilon === 'attribute' && node !== undefined) {
      const attribute = epsilonAttribute(node, [edit]).find((own) => own.name === 'epsilon');
      if (attribute !== undefined) setAttribute(draft, node, 'epsilon', attribute);
    }
  }
}

const scopeIn = (value: string): string => value.slice(0, Math.max(0, value.lastIndexOf(SEPARATOR)));

/** Whether nodes of a graph can read a value: it is made there or in a graph around it. */
function sees(scope: string, value: string): boolean {
  const own = scopeIn(value);
  return own === '' || scope === own || scope.startsWith(`${own}/`);
}

/** The constants of a norm that an edit changes, by operand. */
function normOperands(analysis: Analysis, edit: NormEdit): [string, { operand: Operand; label: string; numbers: (tensor: Tensor) => number[] }][] {
  const { norm } = edit;
  const entries: [string, { operand: Operand; label: string; numbers: (tensor: Tensor) => number[] }][] = [];
  const put = (operand: Operand | null, label: string, numbers: (tensor: Tensor) => number[]): void => {
    if (operand === null) return;
    const source = sourceOf(analysis, operand, 1);
    if (source === null)
      throw new GrowError('UNSUPPORTED_AXIS', 'a layer cannot be inserted here exactly: a gain, bias or epsilon of its norms is computed', {
        where: nodeLabel(operand.node),
      });
    for (const own of readersWithin(analysis, norm, source.operand)) entries.push([operandName(own), { operand: own, label, numbers }]);
  };
  const numbersOf = (tensor: Tensor, given: readonly number[] | null | undefined, otherwise: number): number[] => {
    const size = tensor.dims.reduce((a, b) => a * b, 1);
    if (given != null && given.length !== size)
      throw new GrowError(
        'UNSUPPORTED_AXIS',
        `a layer cannot be inserted here exactly: ${tensor.name} holds ${size} numbers, the norm before it ${given.length}`,
      );
    return [...(given ?? new Array<number>(size).fill(otherwise))];
  };
  put(norm.gain, `gain${edit.affine === null ? 1 : norm.output}`, (tensor) => numbersOf(tensor, edit.affine?.gain, 1));
  put(norm.bias, `bias${edit.affine === null ? 0 : norm.output}`, (tensor) => numbersOf(tensor, edit.affine?.bias, 0));
  if (norm.epsilon !== null && norm.epsilon !== 'attribute') put(norm.epsilon, 'epsilon', (tensor) => numbersOf(tensor, undefined, edit.epsilon));
  return entries;
}

function epsilonAttribute(node: FlatNode, edits: readonly NormEdit[]): readonly Attribute[] {
  const edit = edits.find((own) => own.norm.epsilon === 'attribute' && own.norm.statistics[0] === node);
  if (edit === undefined) return node.node.attributes;
  const epsilon: Attribute = { name: 'epsilon', kind: 'float', value: edit.epsilon };
  return [...node.node.attributes.filter((own) => own.name !== 'epsilon'), epsilon];
}

const OWN = new Set(['LayerNormalization', 'RMSNormalization', 'SimplifiedLayerNormalization']);
const FLOATS: readonly number[] = [DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16];

/** Weights, biases and gains are the layer's own; scalars, masks, tables and integers are shared. */
function isParameter(analysis: Analysis, operand: Operand, tensor: Tensor, nodes: ReadonlySet<FlatNode>): boolean {
  if (tensor.dims.reduce((a, b) => a * b, 1) <= 1) return false;
  if (quantisedUse(analysis, operand) !== null || isScaleOrPoint(operand) !== null) return true;
  if (!FLOATS.includes(tensor.dataType)) return false;
  const { node } = operand;
  const zero = ruleOf(node.op)?.zero;
  if (isProduct(node) || OWN.has(node.op) || zero === 'all' || zero === 'any' || node.op === 'Div' || node.op.startsWith('com.microsoft.')) return true;
  const constant = analysis.facts.values.get(node.outputs[0] ?? '')?.dependence === 'constant';
  return constant && nodes.has(node);
}

function filled(analysis: Analysis, operand: Operand, tensor: Tensor, value: number): Tensor {
  const point = value === 0 ? zeroPointOf(analysis, operand, null) : null;
  if (point !== null) {
    const nothing = tensor.dims.map((size) => new Int32Array(size).fill(-1));
    return growTensor(tensor, {
      maps: nothing,
      zeros: [tensor.dims.map(() => null)],
      meanAlong: null,
      fill: { kind: 'normal' },
      multiply: 1,
      add: 0,
      seed: 0,
      point,
    });
  }
  if (value !== 0)
    return {
      ...tensor,
      ...tensorFromNumbers(tensor.name, tensor.dataType, tensor.dims, new Array<number>(tensor.dims.reduce((a, b) => a * b, 1)).fill(value)),
    };
  return { ...tensor, data: { size: tensor.data.size, read: (_, length) => new Uint8Array(length) } };
}
