/** Pairs of models with all that a judge says of them: grown ones, and grown ones with a fault. */
import type { Model } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { FAULTS } from './faults.ts';
import { grownBy, reread } from './grown-model.ts';

export interface JudgedPair {
  readonly name: string;
  readonly old: Model;
  readonly now: Model;
}

/**
 * A growth of a fixture, and the same with a fault of every kind that is chosen and that it has a place for; in another `turn` faults
 * stand at other places.
 */
export function faultyPairs(fixture: string, steps: readonly string[], isChosen: (kind: number) => boolean = () => true, turn = 0): readonly JudgedPair[] {
  const old = readModel(`fixtures/${fixture}.onnx`);
  const grown = reread(grownBy(old, steps).model);
  const faulty = FAULTS.flatMap((fault, k): JudgedPair[] => {
    const now = isChosen(k) ? fault.plant(grown, old, (count) => (count === 0 ? 0 : (7 * k + 11 * turn) % count)) : null;
    return now === null ? [] : [{ name: fault.name, old, now }];
  });
  return [{ name: 'as grown', old, now: grown }, ...faulty];
}
