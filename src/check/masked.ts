/**
 * Masks of minus infinity in what is new. An attention all of whose scores are masked is no number, and zeros behind it do not take
 * that away. A proof takes for granted that the old graph never masks a row whole; so what is new must be masked where the old graph
 * masks: by the same operators, of the same conditions.
 */
import { equal } from '../analysis/size.ts';
import { type FlatNode, nodeLabel } from '../onnx/graph.ts';
import { DataType } from '../onnx/ir.ts';
import { type Finding, unproved } from './findings.ts';
import { CLOSES, isConstantThat, isNearInfinity, leavesOpen, NEVER_OPEN } from './infinities.ts';
import { hasSameAttributes } from './like-attributes.ts';
import { isFloatType } from './numbers.ts';
import { live, type Side } from './prepare.ts';
import { POSITIVE, signsIn, within } from './signs.ts';
import { scaledKey } from './term.ts';
import { isExact, isOld, scaledOf, type Value } from './value.ts';
import type { Values } from './walk.ts';

/** Nodes of the new graph that may be computed of minus infinity where those of the old graph are not. */
export function maskFindings(before: Side, after: Side, oldValues: Values, values: Values): readonly Finding[] {
  const added = live(after).filter((node) => !CARRIES.has(node.op) && !NEVER_OPEN.has(node.op) && !isOld(values.get(node.outputs[0] ?? '')));
  if (added.length === 0) return [];
  const isOpen = infinitiesIn(after, values);
  const olds = live(before);
  const known = new Set(olds.map(({ op }) => op));
  const closing = added.filter((node) => node.inputs.some((name, i) => isOpen(name) || (known.has(node.op) && isMask(after, node, i))));
  const isMaskedAlike = masksOf(before, after, oldValues, values, isOpen);
  return closing.flatMap((node) =>
    olds.some((like) => isMaskedAlike(node, like))
      ? []
      : [unproved(nodeLabel(node), `${node.op}: nothing shows that minus infinity stands only where the old graph masks, in what is new`)],
  );
}

/** An operand of a whole attention block that is no list of floats: which keys there are, or may be seen. */
const isMask = ({ facts }: Side, { op, inputs }: FlatNode, i: number): boolean => {
  const dtype = facts.values.get(inputs[i] ?? '')?.dtype;
  return CLOSES.has(op) && op.endsWith('Attention') && isCertainlyNoFloat(dtype);
};

const isCertainlyNoFloat = (dtype: number = DataType.UNDEFINED): boolean => dtype !== DataType.UNDEFINED && !isFloatType(dtype);

/** Which values of a graph may be infinite: what is computed of numbers that are, or nearly, until an operator makes others of it. */
function infinitiesIn({ flat, facts }: Side, values: Values): (name: string) => boolean {
  const open = new Set<string>();
  const isOpen = (name: string): boolean => open.has(name);
  for (const node of flat.nodes) {
    const operands = node.inputs.map((name): Value | undefined => values.get(name));
    if (!leavesOpen(node, operands, isOpen, isNearInfinity)) continue;
    for (const name of node.outputs) if (!isCertainlyNoFloat(facts.values.get(name)?.dtype)) open.add(name);
  }
  return (name) => open.has(name) || isConstantThat(isNearInfinity, values.get(name));
}

/** Operators whose two operands may be exchanged. */
const COMMUTES = new Set(['Add', 'Mul', 'Max', 'Min', 'And', 'Or', 'Equal']);
/** Operators of which an infinite operand makes infinite results, whatever finite numbers the others are. */
const MEETS = new Set(['Add', 'Sub', 'Max', 'Min', 'Sum', 'Concat']);
/** Operators that pass elements on in an order that their second operand, the wanted sizes, leaves as it is. */
const RESHAPES = new Set(['Reshape', 'Expand']);
/** Operators that hand elements on. */
const PASSES = new Set(['Identity', 'Cast', 'Dropout', 'Reshape', 'Transpose', 'Squeeze', 'Unsqueeze']);
/** Operators that choose by their first operand. */
const CHOOSES = new Set(['Where', 'If']);
/** Operators on masked scores that are scores still: what reads them is asked. */
const CARRIES = new Set([
  ...[...MEETS, ...RESHAPES, ...PASSES, ...CHOOSES],
  ...['Mul', 'Div', 'Neg', 'Slice', 'Gather', 'Split', 'Pad', 'Flatten', 'Tile', 'Trilu', 'ReduceMax', 'ReduceMin'],
]);

/** Whether a node of the new graph is computed of infinite elements only where one of the old graph is. */
function masksOf(before: Side, after: Side, oldValues: Values, values: Values, isOpen: (name: string) => boolean): (node: FlatNode, like: FlatNode) => boolean {
  const [makers, olds] = [makersIn(after), makersIn(before)];
  const [signs, oldSigns] = [signsIn(after), signsIn(before)];
  const found = new Map<string, boolean>();
  const remembered = (kind: string, name: string, other: string, ask: () => boolean): boolean => {
    const key = [kind, name, other].join('\n');
    const own = found.get(key) ?? ask();
    found.set(key, own);
    return own;
  };

  const isTerm = (name: string, other: string): boolean => {
    const [value, was] = [values.get(name), oldValues.get(other)];
    return value?.kind === 'related' && was?.kind === 'related' && isExact(value) && scaledKey(scaledOf(value)) === scaledKey(scaledOf(was));
  };

  /** Both are made by one operator with the same attributes, and their operands are alike, as `ask` says. */
  const isMadeAlike = (name: string, other: string, ask: (node: FlatNode, like: FlatNode, names: readonly string[]) => boolean): boolean => {
    const [node, like] = [makers.get(name), olds.get(other)];
    if (node === undefined || like === undefined || node.outputs.indexOf(name) !== like.outputs.indexOf(other)) return false;
    if (node.op !== like.op || node.inputs.length !== like.inputs.length || !hasSameAttributes(before, after, node, like)) return false;
    return ask(node, like, like.inputs) || (COMMUTES.has(node.op) && ask(node, like, like.inputs.toReversed()));
  };

  /** The same value, or one that is computed of such in the same way. */
  const isSame = (name: string, other: string): boolean =>
    name === '' || other === ''
      ? name === other
      : remembered(
          'same',
          name,
          other,
          () =>
            isTerm(name, other) ||
            (isOpen(name) && isCovered(name, other)) ||
            isMadeAlike(name, other, (node, like, inputs) =>
              CLOSES.has(node.op) ? isClosedAlike(node, like) : node.inputs.every((input, i) => isSame(input, inputs[i] ?? '')),
            ),
        );

  /** Infinite only where the old value is. */
  const isCovered = (name: string, other: string): boolean =>
    !isOpen(name) ||
    remembered(
      'covered',
      name,
      other,
      () => isTerm(name, other) || isMadeAlike(name, other, (node, like, inputs) => node.inputs.every((_, i) => isOperandCovered(node, like, inputs, i))),
    );

  const isOperandCovered = (node: FlatNode, like: FlatNode, inputs: readonly string[], i: number): boolean => {
    const [name, other] = [node.inputs[i] ?? '', inputs[i] ?? ''];
    if (CHOOSES.has(node.op) && i === 0) return isSame(name, other);
    if (isOpen(name)) return isCovered(name, other);
    if (CHOOSES.has(node.op) || MEETS.has(node.op)) return true;
    // a factor of another sign makes plus infinity of it, and zero no number
    if (/^(Mul|Div)$/.test(node.op) && within(signs(name), POSITIVE) && within(oldSigns(other), POSITIVE)) return true;
    return (RESHAPES.has(node.op) && i === 1 && hasSameLastSize(node, like)) || isSame(name, other);
  };

  const hasSameLastSize = (node: FlatNode, like: FlatNode): boolean => {
    const [size, was] = [after.facts.values.get(node.outputs[0] ?? '')?.dims?.at(-1), before.facts.values.get(like.outputs[0] ?? '')?.dims?.at(-1)];
    return size !== undefined && was !== undefined && equal(size, was);
  };

  const isClosedAlike = (node: FlatNode, like: FlatNode): boolean =>
    node.op === like.op &&
    hasSameAttributes(before, after, node, like) &&
    node.inputs.every((name, i) => (isMask(after, node, i) ? isSame(name, like.inputs[i] ?? '') : isCovered(name, like.inputs[i] ?? '')));

  const [readers, oldReaders] = [readersIn(after), readersIn(before)];
  /** Something is chosen instead of the old value, where it may be no number. */
  const isGuarded = (other: string): boolean =>
    oldReaders(other).some(
      ({ node, operand }) => node.op === 'IsNaN' || (node.op === 'Where' && operand > 0) || (PASSES.has(node.op) && isGuarded(node.outputs[0] ?? '')),
    );
  /** What reads a value reads the old one too, and where one of two values is chosen, by the same condition. */
  const isReadAlike = (name: string, other: string): boolean =>
    readers(name).every(({ node, operand }) =>
      oldReaders(other).some(
        (own) =>
          own.operand === operand &&
          own.node.op === node.op &&
          (node.op !== 'Where' || isSame(node.inputs[0] ?? '', own.node.inputs[0] ?? '')) &&
          (!PASSES.has(node.op) || isReadAlike(node.outputs[0] ?? '', own.node.outputs[0] ?? '')),
      ),
    );

  return (node, like) => {
    const [name, other] = [node.outputs[0] ?? '', like.outputs[0] ?? ''];
    return isClosedAlike(node, like) && (!isGuarded(other) || isReadAlike(name, other));
  };
}

/** What reads the values of a graph, and as which operand. */
function readersIn(side: Side): (name: string) => readonly { readonly node: FlatNode; readonly operand: number }[] {
  const found = new Map<string, { readonly node: FlatNode; readonly operand: number }[]>();
  for (const node of live(side))
    for (const [operand, name] of node.inputs.entries()) {
      const own = found.get(name);
      if (own === undefined) found.set(name, [{ node, operand }]);
      else own.push({ node, operand });
    }
  return (name) => found.get(name) ?? [];
}

/** Which node computes a value. */
const makersIn = ({ flat }: Side): ReadonlyMap<string, FlatNode> => new Map(flat.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
