import type { Level, Provider } from './runtime.ts';
import type { OutputReport, Verdict, Worst } from './verdict.ts';

/** How a comparison is done. */
export interface VerifyOptions {
  /** Same seed, same inputs. Default 0. */
  readonly seed?: number;
  /** Default 'cpu'. */
  readonly provider?: Provider;
  /** Wall time for the whole comparison, in seconds. Default 120, and a minute more for each GB of the two models. */
  readonly timeLimitSeconds?: number;
  /** Largest max|Δ| / max|y| that counts as rounding, for all outputs, instead of the measured thresholds. */
  readonly tolerance?: number;
  /** Inputs to run besides the made ones: the path of a .npz archive, or of a folder of .npy or .pb files. */
  readonly inputs?: string;
  /** Told what is being done, one short line at a time. */
  readonly onProgress?: (line: string) => void;
  /** Stops the comparison: the child process is ended and the signal's reason thrown. */
  readonly signal?: AbortSignal;
}

/** Where both models computed, as the runtime's own profile says. */
export interface PlacementReport {
  /** The GPU, or the driver that stands for it; null where the system does not say. */
  readonly adapter: string | null;
  /** Whether the driver computes on the CPU. */
  readonly software: boolean;
  /** Nodes that compute floats (what only moves elements is left out), and how many of them ran on the provider. */
  readonly computeNodes: number;
  readonly onProvider: number;
  /** Operators that ran somewhere else, with where. */
  readonly elsewhere: readonly string[];
}

/** One run of both models on the same inputs. */
export interface CaseReport {
  /** The case, and the step where it has several: 'cache, step 2'. */
  readonly name: string;
  /** Types and shapes of what was fed, by input of the original model: 'int64[2,8]'. */
  readonly inputs: Readonly<Record<string, string>>;
}

/**
 * The comparison of both models in float64, where arithmetic rounds 2^29 times finer and only what the files store
 * can make a difference.
 */
export interface ShadowReport {
  /** Largest max|Δ| / max|y| of the models as they are stored; null where the comparison was not made, or no number says it. */
  readonly maxRelative: number | null;
  /** The same with the new file's corrected constants as they were before they were rounded. This decides. */
  readonly unrounded: number | null;
  /** Largest `unrounded` that is rounding: 1e-12, or what the rounding of constants may do whose unrounded values are not known. */
  readonly threshold: number;
  /** Where the largest difference is, when it is above the threshold. */
  readonly worst: { readonly output: string; readonly case: string } | null;
  /** Constants of the new file that are an old one times a factor (or one plus it is), rounded to their type. */
  readonly corrections: readonly { readonly tensor: string; readonly factor: number; readonly form: 'times' | 'times-of-one-plus' }[];
  /** Why the comparison was not made; null where it was. */
  readonly reason: string | null;
}

/** Where two models part. */
export interface DivergenceReport {
  /** The first value in execution order that differs from the old one and from any multiple of it. */
  readonly value: string;
  /** The node of the new model that makes it. */
  readonly node: string;
  /** Its max|Δ| / max|y|; null when no number says it. */
  readonly relative: number | null;
  /** Constants that it is made with, between it and values that agree: the changed ones where there are some. */
  readonly parameters: readonly string[];
}

/** The numeric judgement on two models. */
export interface VerifyResult {
  /**
   * bit-exact: every compared output has the same bits, with and without graph optimisation. rounding: every difference
   * is within its output's threshold. changed: one is not. inconclusive: the runs prove nothing (see `reason`).
   */
  readonly verdict: Verdict;
  /** Largest max|Δ| / max|y| over outputs and cases; null where nothing was compared or no number says it. */
  readonly maxRelative: number | null;
  /** Largest max|Δ| / max|y| between runs of the original under other options; null where it was not measured. */
  readonly noiseFloor: number | null;
  /** Largest max|Δ| / max|y| when both models are computed in float64; null where that was not possible (see `shadow.reason`). */
  readonly float64: number | null;
  readonly shadow: ShadowReport;
  readonly provider: Provider;
  /** null on the CPU. */
  readonly placement: PlacementReport | null;
  /** Factor between a model's noise and the threshold, before floor and ceiling. */
  readonly margin: number;
  /** Optimisation levels both models ran at. */
  readonly levels: readonly Level[];
  readonly outputs: readonly OutputReport[];
  readonly cases: readonly CaseReport[];
  /** Share of compared outputs, over all cases and levels, that are equal bit for bit: 0 to 1. */
  readonly bitExactShare: number;
  /** The output and case that failed, when the verdict is 'changed'. */
  readonly worst: Worst | null;
  /** Where the two models part, when the verdict is 'changed' and both could be looked into. */
  readonly divergence: DivergenceReport | null;
  /** Why the verdict is 'changed' or 'inconclusive', in one sentence; null for the others. */
  readonly reason: string | null;
  /** What a reader should know about how the verdict was reached. */
  readonly notes: readonly string[];
  readonly seconds: number;
}
