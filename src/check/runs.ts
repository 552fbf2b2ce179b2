/**
 * Corrections that two runs of growth have rounded one after the other. A width that grew from n to N in one run leaves RN(x · (n/N)^e); in two
 * runs, through a width m between, RN(RN(x · (n/m)^e) · (m/N)^e), which may be a unit in the last place beside it. All corrections of
 * one width must be explained by one m, so that a single number that is off is not.
 */
import { type Finding, unproved } from './findings.ts';
import { over, power, type Scale, scaleFrom } from './scale.ts';

/** A width that grew: `old` became `size`. */
export interface Growth {
  readonly old: number;
  readonly size: number;
}

/** A correction that follows from a growth. */
export interface Correction extends Growth {
  readonly where: string;
  /** Whether it is what one run leaves. */
  readonly once: boolean;
  /** Whether it is what two runs through a width leave. */
  readonly through: (width: number) => boolean;
}

/** Norms correct by n/N and its root, score scales by the inverse of the root. */
export const EXPONENTS = [1, 0.5, -0.5, -1] as const;

const ratio = (from: number, to: number, exponent: number): Scale => power(over(scaleFrom(from), scaleFrom(to)), exponent);

/** The exponent with which a factor follows from a growth; null when it does not. */
export const exponentOf = (scale: Scale, { old, size }: Growth): number | null =>
  EXPONENTS.find((exponent) => ratio(old, size, exponent).key === scale.key) ?? null;

/** The factors of two runs through a width. */
export const factorsThrough = ({ old, size }: Growth, width: number, exponent: number): readonly [Scale, Scale] => [
  ratio(old, width, exponent),
  ratio(width, size, exponent),
];

/** Widths between the old and the new one. */
export const widthsBetween = ({ old, size }: Growth): readonly number[] => Array.from({ length: Math.max(0, size - old - 1) }, (_, i) => old + 1 + i);

/** What is to be said of corrections that are not those of one run: the width in between, or that there is none. */
export function explainRuns(corrections: readonly Correction[]): { readonly notes: readonly string[]; readonly findings: readonly Finding[] } {
  const groups = new Map<string, Correction[]>();
  for (const own of corrections) {
    const key = `${own.old}→${own.size}`;
    groups.set(key, [...(groups.get(key) ?? []), own]);
  }
  const explained = [...groups].flatMap(([key, own]) => {
    const [first] = own.filter(({ once }) => !once);
    if (first === undefined) return [];
    return [{ key, where: first.where, width: widthsBetween(first).find((m) => own.every(({ through }) => through(m))) }];
  });
  return {
    notes: explained.flatMap(({ key, width }) =>
      width === undefined ? [] : [`corrections for ${key} are rounded twice, as two runs of growth through ${width} leave them`],
    ),
    findings: explained.flatMap(({ key, where, width }) =>
      width === undefined ? [unproved(where, `a correction for ${key} is rounded as neither one run of growth leaves it nor two`)] : [],
    ),
  };
}
