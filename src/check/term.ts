/**
 * Values of the old graph as terms: the same operator on the same operands is the same term, whatever it is called, and
 * every view of a term is named by the elements it selects. The new graph is described with the same terms.
 */
import { equal, keyOf, type Size } from '../analysis/size.ts';
import type { Constant } from './elements.ts';
import { ONE, type Scale } from './scale.ts';
import { stretched, type View, viewKey, viewSizes, wholeView } from './view.ts';

/** A value that is not just a view of another. */
export interface Term {
  readonly id: number;
  readonly op: string;
  readonly attributes: string;
  readonly operands: readonly Scaled[];
  readonly dims: readonly Size[];
  /** True when the old graph computes it. */
  readonly old: boolean;
  readonly constant: Constant | null;
  /** The number of a norm: N(c; r) = c / √(1 + r·Σc²). */
  readonly ratio: Scale | null;
}

/** Elements of a term. */
export interface Ref {
  readonly base: Term;
  readonly view: View;
  readonly key: string;
}

/** A term's elements times a factor. */
export interface Scaled {
  readonly ref: Ref;
  readonly scale: Scale;
}

/** All terms of one proof. */
export interface Terms {
  /** The term of an operator on operands; made if there is none. */
  make(op: string, attributes: string, operands: readonly Scaled[], dims: readonly Size[], ratio?: Scale): Term;
  /** The term of a constant's content. */
  constant(constant: Constant): Term;
  /** Terms of the old graph that read a ref as the operand of an operator. */
  users(op: string, ref: Ref): readonly Term[];
  /** Terms of the old graph that an operator makes of constants alone. */
  ofConstants(op: string): readonly Term[];
  /** The term of the old graph for an operator on operands; undefined when it computes no such thing. */
  old(op: string, attributes: string, operands: readonly Scaled[]): Term | undefined;
  /** True for a term that the old graph multiplies with something computed, or hands to an attention operator: keys and values. */
  isMultiplied(base: Term): boolean;
  /** From here on terms are new ones. */
  endOld(): void;
}

export const scaledKey = ({ ref, scale }: Scaled): string => (scale.key === '' ? ref.key : `${ref.key}×${scale.key}`);

/** All elements of a term. */
export const refOf = (base: Term): Ref => wholeOf(base).ref;

interface Whole {
  readonly ref: Ref;
  readonly viewKey: string;
}

function wholeOf(base: Term): Whole {
  const known = wholes.get(base);
  if (known !== undefined) return known;
  const view = wholeView(base.dims);
  const made: Whole = { ref: { base, view, key: String(base.id) }, viewKey: viewKey(view) };
  wholes.set(base, made);
  return made;
}

/** Every node that reads a term asks for it. */
const wholes = new WeakMap<Term, Whole>();

/** Some elements of a term. */
export function viewed(ref: Ref, view: View): Ref {
  const { base } = ref;
  const [whole, key] = [wholeOf(base), viewKey(view)];
  return view.dims.length === base.dims.length && key === whole.viewKey ? whole.ref : { base, view, key: `${base.id}@${key}` };
}

/** True when a ref is a whole term of an operator. */
export const isWhole = (ref: Ref, op: string): boolean => ref.base.op === op && ref.key === String(ref.base.id);

export const scaled = (ref: Ref, scale: Scale = ONE): Scaled => ({ ref, scale });

/** Operators in which keys and values meet queries. */
const MULTIPLIES = new Set(['MatMul', 'Einsum', 'Attention', 'com.microsoft.MultiHeadAttention', 'com.microsoft.GroupQueryAttention']);

/** A constant, a missing operand, or sizes. */
const isFixed = (base: Term): boolean => base.constant !== null || base.op === 'none' || base.op === 'numbers' || base.op === 'sizes';

/** Starts without terms. */
export function startTerms(): Terms {
  const byKey = new Map<string, Term>();
  const users = new Map<string, Term[]>();
  const ofConstants = new Map<string, Term[]>();
  const constants = new Map<string, Term[]>();
  const multiplied = new Set<Term>();
  const isKeyOrValue = (base: Term): boolean => multiplied.has(base) || (base.op === 'If' && base.operands.slice(1).some((own) => isKeyOrValue(own.ref.base)));
  let count = 0;
  let old = true;
  const keyFor = (op: string, attributes: string, operands: readonly Scaled[], dims: readonly Size[]): string =>
    `${op}(${operands.map(scaledKey).join(';')})${attributes}${operands.length === 0 ? `[${dims.map(keyOf).join(',')}]` : ''}`;
  /** What is asked for later of a term of the old graph. */
  const noteOperands = (term: Term): void => {
    const { op, operands } = term;
    const bases = operands.map((operand) => operand.ref.base);
    if (MULTIPLIES.has(op) && bases.every((base) => base.constant === null)) for (const base of bases) multiplied.add(base);
    if (bases.some((base) => base.constant !== null) && bases.every(isFixed)) ofConstants.set(op, [...(ofConstants.get(op) ?? []), term]);
    for (const ref of new Set(operands.map((operand) => operand.ref.key))) {
      const slot = `${op} ${ref}`;
      const list = users.get(slot);
      if (list === undefined) users.set(slot, [term]);
      else list.push(term);
    }
  };
  return {
    make(op, attributes, operands, dims, ratio) {
      const key = `${keyFor(op, attributes, operands, dims)}${ratio === undefined ? '' : ` r=${ratio.key}`}`;
      const known = byKey.get(key);
      if (known !== undefined) return known;
      const term: Term = { id: count++, op, attributes, operands, dims, old, constant: null, ratio: ratio ?? null };
      byKey.set(key, term);
      if (old) noteOperands(term);
      return term;
    },
    constant(constant) {
      const bucket = constants.get(constant.key) ?? [];
      const known = bucket.find((term) => term.constant?.equals(constant) === true);
      if (known !== undefined) return known;
      const term: Term = { id: count++, op: 'constant', attributes: '', operands: [], dims: constant.dims, old, constant, ratio: null };
      constants.set(constant.key, [...bucket, term]);
      return term;
    },
    ofConstants: (op) => ofConstants.get(op) ?? [],
    users: (op, ref) => users.get(`${op} ${ref.key}`) ?? [],
    old: (op, attributes, operands) => {
      const known = byKey.get(keyFor(op, attributes, operands, []));
      return known?.old === true ? known : undefined;
    },
    isMultiplied: isKeyOrValue,
    endOld() {
      old = false;
    },
  };
}

/** A value stretched to more dimensions or larger sizes, as numpy broadcasts; null when it does not fit. */
export function fitted(ref: Ref, sizes: readonly Size[]): Ref | null {
  const own = viewSizes(ref.view);
  if (own.length > sizes.length) return null;
  const missing = sizes.length - own.length;
  let view: View = { offset: ref.view.offset, dims: [...sizes.slice(0, missing).map(() => []), ...ref.view.dims] };
  for (const [d, size] of sizes.entries()) {
    const now = own[d - missing] ?? 1;
    if (equal(now, size)) continue;
    if (now !== 1) return null;
    view = stretched(view, d, size);
  }
  return viewed(ref, view);
}
