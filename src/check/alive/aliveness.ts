import { keyOf } from '../../analysis/size.ts';
import { GrowError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { isSame } from '../dim.ts';
import type { CheckResult } from '../findings.ts';
import type { Outputs } from '../interface.ts';
import type { Side } from '../prepare.ts';
import type { Values } from '../walk.ts';
import { deadParameters } from './alive.ts';

/** New parameters without a gradient; null where that broke off, which is no matter of the proof. */
export function aliveness({ terms }: Context, before: Side, after: Side, values: Values, { pairs }: Outputs): CheckResult['alive'] {
  // keys and values that a model gives out grow with it; training does not read them
  const read = pairs.filter(({ old, now, cache }) => {
    if (cache !== null) return false;
    const value = values.get(now);
    if (value?.kind === 'related') return value.dims.every(isSame) || !terms.isMultiplied(value.ref.base);
    const [was, is] = [before.facts.values.get(old)?.dims, after.facts.values.get(now)?.dims];
    return was?.map(keyOf).join() === is?.map(keyOf).join();
  });
  const outputs = (read.length === 0 ? pairs : read).map(({ now }) => now);
  try {
    return { dead: deadParameters(after, values, outputs) };
  } catch (error) {
    if (error instanceof GrowError) throw error;
    return null;
  }
}
