/**
 * The scale of attention scores, where it is 1/√k: one factor on the scores or on an operand, or 1/k^¼ on queries and keys.
 *
 * A scale of another size (T5 and GPT-Neo have none, Gemma and Granite a number of their own) does not depend on k and is
 * none of this. Source: Vaswani et al. 2017.
 */
import type { FlatNode } from '../onnx/graph.ts';
import type { Attention } from './attention.ts';
import { pathToProjection } from './attention-paths.ts';
import { hintOf } from './axis.ts';
import type { Analysis } from './graph-analysis.ts';
import { hint } from './size.ts';

/** A number that scales scores. */
export interface ScoreScale {
  readonly node: FlatNode;
  /** The operand that holds it; null for an attribute. */
  readonly input: number | null;
  /** The attribute that holds it; fused operators may leave it out. */
  readonly attribute: 'scale' | 'alpha' | null;
  readonly value: number;
  /** The number is k to this power. */
  readonly power: number;
}

const PASSED = new Set(['Add', 'Where', 'Reshape', 'Cast', 'Identity', 'Tanh', 'Squeeze', 'Unsqueeze']);

/** The numbers that make the scale 1/√k; none where the scale does not come from k. */
export function findScoreScale(analysis: Analysis, attention: Attention): readonly ScoreScale[] {
  const k = hintOf(attention.qk);
  if (attention.fused !== null) {
    const given = attributeOf(attention.score, 'scale');
    const value = given ?? 1 / Math.sqrt(k);
    return near(value, k ** -0.5) ? [{ node: attention.score, input: null, attribute: 'scale', value, power: -1 / 2 }] : [];
  }
  const nodes = [
    ...behind(analysis, attention.score),
    ...[attention.query, attention.key].flatMap((start) => pathToProjection(analysis, start).flatMap((value) => analysis.data.producer(value) ?? [])),
  ];
  const alpha = attributeOf(attention.score, 'alpha');
  const found = [
    ...(alpha === null ? [] : [{ node: attention.score, input: null, attribute: 'alpha' as const, value: alpha, factor: alpha }]),
    ...[...new Set(nodes)].flatMap((node) => scalarOf(analysis, node) ?? []),
  ];
  const scaleOf = (power: number, count: number): readonly ScoreScale[] => {
    const own = found.filter(({ factor }) => near(factor, k ** -power)).slice(0, count);
    return own.length < count ? [] : own.map(({ factor, ...rest }) => ({ ...rest, power: near(factor, rest.value) ? -power : power }));
  };
  const whole = scaleOf(1 / 2, 1);
  return whole.length > 0 ? whole : scaleOf(1 / 4, 2);
}

/** What scores go through before they become weights. */
function behind({ data }: Analysis, score: FlatNode): FlatNode[] {
  const nodes: FlatNode[] = [];
  let value = score.outputs[0] ?? '';
  for (let hop = 0; hop < 12; hop++) {
    const reader = data.consumers(value).find(({ node }) => node.op === 'Mul' || node.op === 'Div' || PASSED.has(node.op));
    if (reader === undefined) break;
    nodes.push(reader.node);
    value = reader.node.outputs[0] ?? '';
  }
  return nodes;
}

/** The scalar a node multiplies or divides by, and the factor that makes. */
function scalarOf({ facts }: Analysis, node: FlatNode): (Omit<ScoreScale, 'power'> & { readonly factor: number }) | undefined {
  if (node.op !== 'Mul' && node.op !== 'Div') return undefined;
  const input = [1, 0].find((i) => {
    const known = facts.values.get(node.inputs[i] ?? '');
    return known !== undefined && known.dependence !== 'data' && (known.dims ?? [2]).every((size) => size === 1);
  });
  const value = input === undefined ? undefined : facts.elements(node.inputs[input] ?? '')?.[0]?.value;
  if (input === undefined || value == null || (node.op === 'Div' && input === 0)) return undefined;
  const number = hint(value);
  return number > 0 ? { node, input, attribute: null, value: number, factor: node.op === 'Div' ? 1 / number : number } : undefined;
}

function attributeOf(node: FlatNode, name: 'scale' | 'alpha'): number | null {
  const found = node.node.attributes.find((own) => own.name === name);
  return found?.kind === 'float' && found.value !== 0 ? found.value : null;
}

const near = (a: number, b: number): boolean => Math.abs(a - b) < 1e-5 * Math.abs(b);
