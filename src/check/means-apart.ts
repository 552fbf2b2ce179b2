/**
 * Norms that multiply x and its mean apart, x·f + (b − mean(x)·f), as batch norms are spelled: the same on both sides as
 * (x − mean(x))·f + b, which is what it is in real numbers, whatever the shapes are that f and b have. Where new elements of x
 * are the mean of the old ones nothing but b is left of them, which only the difference shows.
 */
import type { Facts } from '../analysis/shapes.ts';
import { type FlatGraph, type FlatNode, same } from '../onnx/graph.ts';
import { isFloatType } from './numbers.ts';

/** A summand, or what is taken away. */
interface Term {
  readonly name: string;
  readonly isLess: boolean;
}

/** What a product multiplies and divides by, as names of values. */
interface Factors {
  readonly above: readonly string[];
  readonly below: readonly string[];
}

type Producers = ReadonlyMap<string, FlatNode>;

/** Factors of longer products are not compared. */
const MOST_FACTORS = 8;

/** Puts the difference in front of the product in every sum that multiplies a value and its mean alike. */
export function joinMeans(flat: FlatGraph, facts: Facts): FlatGraph {
  const producers = new Map(flat.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const made = flat.nodes.flatMap((node) => {
    const isFloat = node.outputs.some((name) => isFloatType(facts.values.get(name)?.dtype ?? 0));
    const found = isSum(node) && isFloat ? centredIn(node, producers) : null;
    return found === null ? [node] : written(node, found);
  });
  const nodes = same(flat.nodes, made);
  return nodes === flat.nodes ? flat : { ...flat, nodes };
}

const isSum = ({ op }: FlatNode): boolean => op === 'Add' || op === 'Sub';

/** The two operands of a sum or difference. */
const termsOf = (node: FlatNode, isLess: boolean): readonly Term[] =>
  node.inputs.map((name, i) => ({ name, isLess: node.op === 'Sub' && i === 1 ? !isLess : isLess }));

/** x·f less mean(x)·f within a sum, and what else is summed. */
interface Found {
  readonly x: string;
  readonly mean: string;
  readonly factors: Factors;
  readonly isLess: boolean;
  readonly rest: readonly Term[];
}

function centredIn(node: FlatNode, producers: Producers): Found | null {
  const terms = termsOf(node, false).flatMap((own): readonly Term[] => {
    const inner = producers.get(own.name);
    return inner === undefined || !isSum(inner) ? [own] : termsOf(inner, own.isLess);
  });
  for (const total of terms) {
    const scaled = factorsOf(total.name, producers, null);
    for (const mean of scaled.above) {
      const source = producers.get(mean);
      const x = source?.op === 'ReduceMean' ? source.inputs[0] : undefined;
      if (x === undefined) continue;
      const factors = { above: without(scaled.above, mean), below: scaled.below };
      const wanted = keyOf({ above: [x, ...factors.above], below: factors.below });
      const own = terms.find((other) => other.isLess !== total.isLess && keyOf(factorsOf(other.name, producers, x)) === wanted);
      if (own !== undefined) return { x, mean, factors, isLess: own.isLess, rest: terms.filter((other) => other !== own && other !== total) };
    }
  }
  return null;
}

const without = (list: readonly string[], name: string): readonly string[] => list.filter((_, i) => i !== list.indexOf(name));

const keyOf = ({ above, below }: Factors): string => JSON.stringify([above.toSorted(), below.toSorted()]);

/** A product taken apart, but for the value `whole`. */
function factorsOf(name: string, producers: Producers, whole: string | null): Factors {
  const [above, below, open]: [string[], string[], string[]] = [[], [], [name]];
  for (let factor = open.pop(); factor !== undefined; factor = open.pop()) {
    const node = factor === whole ? undefined : producers.get(factor);
    if (node === undefined || (node.op !== 'Mul' && node.op !== 'Div') || above.length + open.length === MOST_FACTORS) {
      above.push(factor);
      continue;
    }
    const [a, b] = node.inputs as [string, string];
    if (node.op === 'Mul') open.push(b, a);
    else {
      open.push(a);
      below.push(b);
    }
  }
  return { above, below };
}

/** (x − mean)·f ± the rest, in the place of the sum. */
function written(node: FlatNode, { x, mean, factors, isLess, rest }: Found): readonly FlatNode[] {
  const steps = [
    ...factors.above.map((name) => ({ op: 'Mul', name })),
    ...factors.below.map((name) => ({ op: 'Div', name })),
    ...rest.map((own) => ({ op: own.isLess ? 'Sub' : 'Add', name: own.name })),
  ];
  const nameAt = (step: number): string => `${node.outputs[0]}\u001e${step}`;
  const made = (op: string, inputs: readonly string[], step: number): FlatNode => {
    const outputs = step === steps.length ? node.outputs : [nameAt(step)];
    return { op, scope: node.scope, inputs, outputs, node: { ...node.node, opType: op, domain: '', inputs, outputs, attributes: [] } };
  };
  return [made('Sub', isLess ? [mean, x] : [x, mean], 0), ...steps.map(({ op, name }, i) => made(op, [nameAt(i), name], i + 1))];
}
