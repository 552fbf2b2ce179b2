/**
 * A function-preserving pre-pass: operators that hide the residual stream (a sum and its norm in one node) become the standard
 * operators they stand for, so that the stream can be widened and layers put into it.
 */
import { type Analysis, analyze } from '../analysis/graph-analysis.ts';
import { isProduct as isProductNode } from '../analysis/norms.ts';
import { type FlatNode, opsetVersion } from '../onnx/graph.ts';
import { type Attribute, DataType, type Model } from '../onnx/ir.ts';
import { addConstant, type Draft, finishDraft, insertBefore, newNode, removeNode, startDraft } from './draft.ts';

const SKIP = new Map([
  ['com.microsoft.SkipLayerNormalization', 'LayerNormalization'],
  ['com.microsoft.SkipSimplifiedLayerNormalization', 'SimplifiedLayerNormalization'],
]);
const EMBED = 'com.microsoft.EmbedLayerNormalization';

/** Replaces fused sums and norms; returns the same model and no names when there are none. */
export function unfuse(model: Model): { model: Model; operators: readonly string[] } {
  const analysis = analyze(model);
  const fused = analysis.flat.nodes.filter((node) => SKIP.has(node.op) || node.op === EMBED);
  if (fused.length === 0) return { model, operators: [] };
  const draft = startDraft(analysis.flat);
  for (const node of fused) {
    if (node.op === EMBED) unfuseEmbedding(analysis, draft, node);
    else unfuseSkip(analysis, draft, node);
    removeNode(draft, node);
  }
  return { model: finishDraft(draft), operators: [...new Set(fused.map((node) => node.node.opType))] };
}

const isProduct = (node: FlatNode | undefined): boolean => node !== undefined && isProductNode(node);

const epsilonOf = (node: FlatNode): Attribute[] =>
  node.node.attributes.flatMap((own) => (own.name === 'epsilon' && own.kind === 'float' ? [{ name: 'epsilon', kind: 'float', value: own.value }] : []));

/** y = norm(x + skip + bias): Add, Add, norm. */
function unfuseSkip({ data }: Analysis, draft: Draft, node: FlatNode): void {
  const producer = (value: string): FlatNode | undefined => data.producer(value);
  const simplified = node.op.includes('Simplified');
  const [x = '', skip = '', gain = '', fourth = '', fifth = ''] = node.inputs;
  const bias = simplified ? fourth : fifth;
  // the bias is that of the product in front; adding it there leaves the stream a plain sum
  const [branch, stream] = isProduct(producer(skip)) && !isProduct(producer(x)) ? [skip, x] : [x, skip];
  const terms = bias === '' ? [] : [newNode(draft, node, 'Add', [branch, bias])];
  terms.push(newNode(draft, node, 'Add', [terms[0]?.outputs[0] ?? branch, stream]));
  const sum = node.outputs[3] ?? '';
  const last = terms.pop() as FlatNode;
  const total: FlatNode = sum === '' ? last : { ...last, outputs: [sum] };
  const affine = simplified || fourth === '' ? [gain] : [gain, fourth];
  insertBefore(draft, node, ...terms, total, ...normNodes(draft, node, SKIP.get(node.op) ?? '', total.outputs[0] ?? '', affine));
}

/** A norm as one operator, or spelled out where LayerNormalization is no operator of the opset yet. */
function normNodes(draft: Draft, node: FlatNode, op: string, x: string, affine: readonly string[]): FlatNode[] {
  const opset = opsetVersion(draft.flat.model);
  const epsilon = epsilonOf(node);
  if (op !== 'LayerNormalization' || opset >= 17) {
    const norm = newNode(draft, node, op, [x, ...affine], { attributes: [{ name: 'axis', kind: 'int', value: -1 }, ...epsilon] });
    return [{ ...norm, outputs: [node.outputs[0] ?? ''] }];
  }
  const dtype = draft.constants.get(affine[0] ?? '')?.tensor.dataType ?? DataType.FLOAT;
  const nodes: FlatNode[] = [];
  const put = (name: string, inputs: readonly string[], attributes: readonly Attribute[] = []): string => {
    const made = newNode(draft, node, name, inputs, { attributes });
    nodes.push(made);
    return made.outputs[0] ?? '';
  };
  const last: Attribute[] = [
    { name: 'axes', kind: 'ints', value: [-1] },
    { name: 'keepdims', kind: 'int', value: 1 },
  ];
  const value = epsilon[0]?.kind === 'float' ? epsilon[0].value : 1e-12;
  const centred = put('Sub', [x, put('ReduceMean', [x], last)]);
  const variance = put('ReduceMean', [put('Mul', [centred, centred])], last);
  const deviation = put('Sqrt', [put('Add', [variance, addConstant(draft, 'norm_epsilon', dtype, [], [value])])]);
  const [gain = '', bias] = affine;
  const scaled = put('Mul', [put('Div', [centred, deviation]), gain]);
  if (bias !== undefined) put('Add', [scaled, bias]);
  const end = nodes.pop() as FlatNode;
  return [...nodes, { ...end, outputs: [node.outputs[0] ?? ''] }];
}

/** y = norm(word[ids] + position[0…s] + segment[ids]); mask_index counts the mask. */
function unfuseEmbedding({ flat }: Analysis, draft: Draft, node: FlatNode): void {
  const [ids = '', segments = '', word = '', position = '', segment = '', gain = '', bias = '', mask = '', positions = ''] = node.inputs;
  const put = (made: FlatNode): string => {
    insertBefore(draft, node, made);
    return made.outputs[0] ?? '';
  };
  const opset = opsetVersion(flat.model);
  const vector = (name: string, values: readonly number[]): string => addConstant(draft, name, DataType.INT64, [values.length], values);
  const words = put(newNode(draft, node, 'Gather', [word, ids]));
  let rows: string;
  if (positions !== '') rows = put(newNode(draft, node, 'Gather', [position, positions]));
  else {
    const shape = put(newNode(draft, node, 'Shape', [ids]));
    const length = put(newNode(draft, node, 'Gather', [shape, vector('length_index', [1])], { attributes: [{ name: 'axis', kind: 'int', value: 0 }] }));
    rows = put(newNode(draft, node, 'Slice', [position, vector('first', [0]), length, vector('rows', [0])]));
  }
  let sum = put(newNode(draft, node, 'Add', [words, rows]));
  if (segment !== '' && segments !== '') sum = put(newNode(draft, node, 'Add', [sum, put(newNode(draft, node, 'Gather', [segment, segments]))]));
  const named = node.outputs[2] ?? '';
  if (named !== '') {
    put({ ...newNode(draft, node, 'Identity', [sum]), outputs: [named] });
  }
  for (const made of normNodes(draft, node, 'LayerNormalization', sum, [gain, bias])) put(made);
  const count = node.outputs[1] ?? '';
  if (count === '') return;
  const counted =
    mask === ''
      ? newNode(draft, node, 'ReduceSum', [put(newNode(draft, node, 'Sub', [ids, ids]))], reduceOptions(opset))
      : newNode(draft, node, 'ReduceSum', [mask], reduceOptions(opset));
  const axes = opset < 13 ? counted : { ...counted, inputs: [...counted.inputs, vector('mask_axis', [1])] };
  put({ ...axes, outputs: [count] });
}

function reduceOptions(opset: number): { attributes: Attribute[] } {
  const keep: Attribute = { name: 'keepdims', kind: 'int', value: 0 };
  return { attributes: opset < 13 ? [{ name: 'axes', kind: 'ints', value: [1] }, keep] : [keep] };
}
