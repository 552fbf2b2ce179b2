/** `npm run test:long` draws many more cases, from another seed each time. */
export const LONG = process.env.LONG === '1';

/** The seed of all random cases: SEED repeats a run, otherwise short runs are always the same. */
export const SEED = Number(process.env.SEED ?? (LONG ? Date.now() % 2 ** 31 : 20230811));

/** Number of cases: the given one, or many more. */
export const runs = (short: number): number => (LONG ? 25 * short : short);
