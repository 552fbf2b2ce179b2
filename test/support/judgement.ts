/** What a judge says in lines of text, without what differs from machine to machine: for snapshots, and for mutants of the judges. */
import type { CheckResult } from '../../src/check/findings.ts';
import { GrowError } from '../../src/errors.ts';
import type { VerifyResult } from '../../src/verify/result.ts';

/** A proof: whether there is one, where it stops, what it supposes of caches and roundings, and what gets no gradient. */
export const checkLines = ({ proved, findings, assumptions, alive }: CheckResult): readonly string[] => [
  proved ? 'proved' : 'not proved',
  ...findings.map(({ kind, where, message }) => `${kind} ${where}: ${message}`),
  ...assumptions.slice(3),
  ...(alive?.dead.map(({ tensor, elements, count, why }) => `dead ${tensor} ${elements} (${count}): ${why}`) ?? ['aliveness is unknown']),
];

/** All that is said of a proof, and of what is not proved where that is. */
export const brief = (lines: readonly string[]): readonly string[] =>
  lines[0] !== 'not proved' ? lines : lines.flatMap((line) => (/^(refuted|unproved) /.test(line) ? [line.replace(/: .*/s, '')] : []));

const withoutNumbers = (text: string): string => text.replace(/\S*[\\/](?=\w+\.onnx)/g, '').replace(/\d+(\.\d+)?(e[-+]?\d+)?/g, '#');

/** A comparison but for its figures. */
export const verifyLines = ({
  verdict,
  reason,
  notes,
  levels,
  float64,
  shadow,
  worst,
  divergence,
  cases,
}: Omit<VerifyResult, 'seconds'>): readonly string[] => [
  `${verdict} at ${levels.join(', ')}`,
  ...(reason === null ? [] : [`because ${withoutNumbers(reason)}`]),
  ...notes.map((note) => `note ${withoutNumbers(note)}`),
  `float64 ${shadow.reason ?? (float64 === null ? 'says no number' : float64 <= shadow.threshold ? 'agrees' : 'differs')}`,
  ...shadow.corrections.map(({ tensor, factor, form }) => `corrected ${tensor} ${form} ${factor.toPrecision(6)}`),
  ...(worst === null ? [] : [`worst ${worst.output} in ${worst.case}`]),
  ...(divergence === null ? [] : [`parts at ${divergence.value} of ${divergence.node}, made with ${divergence.parameters.join(', ')}`]),
  ...cases.map(({ name, inputs }) => `case ${name}: ${JSON.stringify(inputs)}`),
];

/** What is said of a pair, or the failure that stands in the way of saying anything. */
export async function orFailure(lines: () => readonly string[] | Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await lines();
  } catch (error) {
    if (error instanceof GrowError) return [`${error.code}: ${error.message}`];
    throw error;
  }
}

/** One text of what is said of many pairs: every line once, in front of the pairs that it is said of. */
export function byLine(said: readonly (readonly [name: string, lines: readonly string[]])[]): string {
  const names = new Map<string, string[]>();
  for (const [name, lines] of said) for (const line of lines) names.set(line, [...(names.get(line) ?? []), name]);
  const all = said.length;
  return [...names].map(([line, own]) => `${line}\n${own.length === all ? '    all' : own.map((name) => `    ${name}`).join('\n')}`).join('\n');
}
