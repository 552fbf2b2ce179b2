/** Steps of a run, `axis[selector]=size`, as the command line and the library write them. */
import { didYouMean } from '../did-you-mean.ts';
import { GrowError } from '../errors.ts';

/** The axes a step can name. */
export const AXES = ['mlp', 'heads', 'kv-heads', 'v', 'qk', 'hidden', 'layers'] as const;
/** An axis a step can name. */
export type AxisName = (typeof AXES)[number];

/** 128 · +16 · x1.5 */
export type StepSize = { readonly kind: 'absolute' | 'add' | 'times'; readonly amount: number };

/** Which blocks a step means; empty lists mean all. */
export interface Selector {
  readonly stack: string | null;
  /** Layer numbers, negative from the end; ranges as [first, last]. */
  readonly layers: readonly (readonly [number, number])[];
  readonly block: 'self' | 'cross' | null;
}

/** One step of a run. */
export interface Step {
  readonly text: string;
  readonly axis: AxisName;
  readonly selector: Selector;
  readonly size: StepSize;
  /** Where layers are inserted: after layer n, before layer n, or at the end. */
  readonly place: { readonly kind: 'end' } | { readonly kind: 'after' | 'before'; readonly layer: number };
}

const STEP = /^([A-Za-z-]+)(?:\[([^\]]*)\])?=([^@]+)(?:@(.+))?$/;

/** Reads one step; throws USAGE or UNKNOWN_STEP with a suggestion. */
export function parseStep(text: string): Step {
  const match = STEP.exec(text.trim());
  if (match === null)
    throw new GrowError('USAGE', `'${text}' is no step`, {
      where: `step ${text}`,
      hint: 'write axis=size, for example mlp=x2, heads=+2, qk[0,2-3]=64 or layers=+1@after:5',
    });
  const [, name = '', selector, size = '', place] = match;
  const axis = AXES.find((own) => own === name);
  if (axis === undefined) {
    const near = didYouMean(name, AXES);
    throw new GrowError('UNKNOWN_STEP', `'${name}' is no axis that can grow`, {
      where: `step ${text}`,
      hint: near === null ? `one of ${AXES.join(', ')}` : `did you mean ${near}?`,
    });
  }
  if (place !== undefined && axis !== 'layers') throw new GrowError('USAGE', `only layers take a place (@${place})`, { where: `step ${text}` });
  const read = parseSelector(text, selector);
  if ((axis === 'hidden' || axis === 'layers') && (read.layers.length > 0 || read.block !== null)) {
    throw new GrowError('USAGE', `${axis} takes the name of a stream or stack, no layer numbers`, {
      where: `step ${text}`,
      hint: `${axis}=… or ${axis}[decoder]=…`,
    });
  }
  return { text: text.trim(), axis, selector: read, size: parseSize(text, size), place: parsePlace(text, place) };
}

function parseSize(text: string, size: string): StepSize {
  const match = /^(\+|x)?(\d+(?:\.\d+)?)$/.exec(size.trim());
  const amount = Number(match?.[2]);
  const kind = match?.[1] === '+' ? 'add' : match?.[1] === 'x' ? 'times' : 'absolute';
  const whole = kind === 'times' || Number.isSafeInteger(amount);
  if (match === null || !whole) {
    const shrinks = /^-\d/.test(size.trim());
    throw new GrowError(shrinks ? 'SHRINKING' : 'USAGE', shrinks ? 'models only grow; they cannot shrink' : `'${size}' is no size`, {
      where: `step ${text}`,
      hint: 'a size is 128, +16 or x1.5',
    });
  }
  if (kind === 'times' && amount < 1)
    throw new GrowError('SHRINKING', 'models only grow; they cannot shrink', { where: `step ${text}`, hint: 'use a factor of at least 1' });
  return { kind, amount };
}

function parseSelector(text: string, selector: string | undefined): Selector {
  if (selector === undefined) return { stack: null, layers: [], block: null };
  const parts = selector.split('.').map((part) => part.trim());
  const block = parts.find((part): part is 'self' | 'cross' => part === 'self' || part === 'cross') ?? null;
  const rest = parts.filter((part) => part !== 'self' && part !== 'cross');
  const stack = rest.find((part) => /^[A-Za-z]\w*$/.test(part)) ?? null;
  const numbers = rest.filter((part) => part !== stack);
  const layers = numbers
    .flatMap((list) => list.split(','))
    .map((part): [number, number] => {
      const range = /^(-?\d+)(?:-(-?\d+))?$/.exec(part.trim());
      if (range === null)
        throw new GrowError('USAGE', `'${part}' is no layer`, {
          where: `step ${text}`,
          hint: 'layers are numbers and ranges such as [0,2,5-7], [-1], [decoder.3] or [2.cross]',
        });
      const first = Number(range[1]);
      return [first, range[2] === undefined ? first : Number(range[2])];
    });
  return { stack, layers, block };
}

function parsePlace(text: string, place: string | undefined): Step['place'] {
  if (place === undefined || place === 'end') return { kind: 'end' };
  const match = /^(after|before):(-?\d+)$/.exec(place.trim());
  if (match === null) throw new GrowError('USAGE', `'@${place}' is no place`, { where: `step ${text}`, hint: '@after:5, @before:0 or @end' });
  return { kind: match[1] as 'after' | 'before', layer: Number(match[2]) };
}
