/**
 * onnx-grow: makes transformers stored as ONNX bigger without changing what they compute.
 *
 * ```ts
 * const bigger = grow('model.onnx', ['mlp=x2', 'heads=+2', 'layers=+1'], { seed: 7 });
 * console.log(bigger.report.parametersAdded);
 * await bigger.save('bigger.onnx');
 * ```
 */
import { checkModels } from './check/check.ts';
import type { CheckResult } from './check/findings.ts';
import { type ModelSource, openModel, pathOf, withModelFile } from './model-source.ts';
import { type Inspection, inspectModel } from './report/inspect.ts';
import { WIDTH_TRANSFORMS } from './transforms/plan.ts';
import type { VerifyOptions, VerifyResult } from './verify/result.ts';
import { verifyModels } from './verify/verify.ts';

export type { DeadParameters } from './check/alive/describe.ts';
export type { CheckResult, Finding } from './check/findings.ts';
export { didYouMean } from './did-you-mean.ts';
export { type ErrorCode, GrowError } from './errors.ts';
export { type GrownModel, type GrowOptions, grow } from './grow.ts';
export type { ModelSource } from './model-source.ts';
export type { Model } from './onnx/ir.ts';
export { readModel } from './onnx/read.ts';
export { checkReport } from './report/check-report.ts';
export { CI_REPORTS, type CiReport, type ReportedCase } from './report/ci.ts';
export { type ConfigChange, type Json, type UpdatedConfig, updateConfig, updateGenaiConfig } from './report/config.ts';
export { type ApplyOutcome, applyDocument, errorDocument } from './report/documents.ts';
export type { GrowthReport } from './report/growth-report.ts';
export type { AttentionReport, Inspection, LayerReport, StreamReport } from './report/inspect.ts';
export { COLOURS, type Paint, PLAIN } from './report/paint.ts';
export type { Portable } from './report/portable.ts';
export { asJson, printable } from './report/printable.ts';
export { checkText, errorText, growthText, inspectionText, verifyText } from './report/text.ts';
export { verifyReport } from './report/verify-report.ts';
export type { Saved, SaveOptions } from './save.ts';
export type { CaseReport, VerifyOptions, VerifyResult } from './verify/result.ts';
export type { Provider } from './verify/runtime.ts';

/**
 * What a model is: sizes, layers, norms, which axes can grow and why others cannot. Weights are not loaded.
 * Throws GrowError NOT_ONNX, TRUNCATED, INVALID_MODEL, EXTERNAL_DATA_MISSING, EXTERNAL_DATA_ESCAPES or IO.
 */
export function inspect(source: ModelSource): Inspection {
  return inspectModel(openModel(source), pathOf(source));
}

/**
 * Proves that the second model computes what the first does, for all inputs and in real numbers, or says where the proof stops.
 * Needs no runtime; weights are read from both in pieces. Throws the errors of reading a model.
 */
export function check(old: ModelSource, grown: ModelSource): CheckResult {
  return checkModels(openModel(old), openModel(grown));
}

/**
 * Runs two models on the same inputs in onnxruntime (in a child process) and says whether the second computes what the
 * first does: `bit-exact`, `rounding`, `changed` or `inconclusive`, with figures.
 * Throws GrowError RUNTIME_MISSING where onnxruntime-node is not installed, RUNTIME_FAILED when it crashes or takes too long.
 */
export function verify(old: ModelSource, grown: ModelSource, options: VerifyOptions = {}): Promise<VerifyResult> {
  return withModelFile(old, (oldFile) => withModelFile(grown, (newFile) => verifyModels(oldFile, newFile, options)));
}

/** What can grow: the word of a step, in one line what it means, and the theorem of Gesmundo & Maile (2023) behind it. */
export const TRANSFORMS: readonly { readonly axis: string; readonly summary: string; readonly theorem: string }[] = [
  ...WIDTH_TRANSFORMS.map(({ axis, summary, theorem }) => ({ axis, summary, theorem })),
  { axis: 'layers', summary: 'whole layers, anywhere in a stack', theorem: '3.6' },
];
