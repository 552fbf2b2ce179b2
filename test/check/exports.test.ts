import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { modelsIn } from '../../bench/matrix-cells.ts';
import { checkModels } from '../../src/check/check.ts';
import { GrowError } from '../../src/errors.ts';
import { faultyPairs, type JudgedPair } from '../support/judged-pairs.ts';
import { brief, byLine, checkLines, orFailure } from '../support/judgement.ts';

/** Where check stops in every export, which is grown by two growths that other exports are grown by too, each with a few faults. */
describe('what check says of growths and faults of', () => {
  test.each(modelsIn('fixtures').map((file, turn) => [path.basename(file, '.onnx'), turn] as const))('%s', async (fixture, turn) => {
    const said: [string, readonly string[]][] = [];
    for (const [g, k] of [turn % EVERY.length, (turn + 4) % EVERY.length].entries()) {
      const { steps, pairs } = grownPairs(fixture, EVERY[k] ?? [], (kind) => (kind + turn) % FEW === 3 * g, turn);
      for (const { name, old, now } of pairs) said.push([`${steps.join(' ')}: ${name}`, brief(await orFailure(() => checkLines(checkModels(old, now))))]);
    }
    for (const [name, lines] of said) if (name.endsWith(': as grown') && !OPEN.includes(`${fixture} ${name}`)) expect(lines[0], name).toBe('proved');
    expect(byLine(said)).toMatchSnapshot();
  });
});

/** Not proved: which layer a cache of the encoder belongs to, that is taken and not handed on, nothing but its name says. */
const OPEN: readonly string[] = ['optimum_bart_decoder_with_past v=+4 layers=+1@before:0: as grown'];

/** Growths that exports take in turn: steps, and others where the sizes of those are not legal. */
const EVERY: readonly (readonly (readonly string[])[])[] = [
  [['mlp=x1.5', 'layers=+1']],
  [['heads=x1.000001', 'hidden=x2']],
  [
    ['v=+4', 'layers=+1@before:0'],
    ['v=x1.000001', 'layers=+1@before:0'],
  ],
  [['qk=+4', 'hidden=+16'], ['qk=x1.000001', 'hidden=+16'], ['hidden=+16']],
  [['hidden=+24', 'layers=+1@after:0']],
  [
    ['heads=x2', 'v=+4', 'qk=+4'],
    ['heads=x2', 'v=x2', 'qk=x2'],
  ],
  [
    ['mlp=x1.5', 'heads=x1.000001', 'v=+4', 'qk=+4', 'hidden=+16', 'layers=+1'],
    ['mlp=x1.5', 'heads=x1.000001', 'v=x2', 'qk=x2', 'hidden=+16', 'layers=+1'],
    ['mlp=x1.5', 'hidden=+16', 'layers=+1'],
    ['mlp=x1.5'],
  ],
];
/** Every one in so many faults. */
const FEW = 7;

/** The pairs of the first growth that is made. */
function grownPairs(
  fixture: string,
  attempts: readonly (readonly string[])[],
  isChosen: (kind: number) => boolean,
  turn: number,
): { readonly steps: readonly string[]; readonly pairs: readonly JudgedPair[] } {
  for (const steps of attempts) {
    try {
      return { steps, pairs: faultyPairs(fixture, steps, isChosen, turn) };
    } catch (error) {
      if (!(error instanceof GrowError)) throw error;
    }
  }
  return { steps: [], pairs: [] };
}
