import type { VerifyResult } from '../verify/result.ts';
import type { CiReport, ReportedCase } from './ci.ts';

/** A numeric judgement for continuous integration: a case for each output, one for float64, one for the verdict. */
export function verifyReport(title: string, result: VerifyResult): CiReport {
  const { verdict, reason, divergence, provider, cases: runs } = result;
  const where =
    divergence === null
      ? []
      : [`first difference: ${divergence.value}, made by ${divergence.node}`, ...divergence.parameters.map((name) => `made with ${name}`)];
  const outputs = result.outputs.map(({ name, maxRelative, noiseFloor, threshold, bitExact }): ReportedCase => {
    const size = maxRelative === null ? 'a difference without bound' : `a difference of ${figure(maxRelative)}`;
    const above = maxRelative === null || maxRelative > threshold;
    return {
      name: `output ${name}`,
      failure: above ? `${size}, rounding is up to ${figure(threshold)}` : null,
      details: bitExact ? ['equal bit for bit'] : [`difference ${figure(maxRelative)}, noise floor ${figure(noiseFloor)}, threshold ${figure(threshold)}`],
    };
  });
  return {
    title,
    summary: `${verdict}: ${runs.length} runs on ${provider}, largest difference ${figure(result.maxRelative)}`,
    cases: [
      { name: 'the function is preserved', failure: verdict === 'changed' || verdict === 'inconclusive' ? (reason ?? verdict) : null, details: where },
      ...outputs,
      ...float64(result),
    ],
    notes: result.notes,
    seconds: result.seconds,
  };
}

function float64({ shadow, verdict }: VerifyResult): ReportedCase[] {
  if (shadow.reason !== null) return [];
  const corrections = shadow.corrections.map(({ tensor, factor }) => `stored correction: ${tensor} × ${factor.toPrecision(7)}`);
  const apart = shadow.worst !== null && verdict === 'changed';
  const difference = `difference ${figure(shadow.unrounded)}, rounding is up to ${figure(shadow.threshold)}`;
  return [{ name: 'computed in float64', failure: apart ? difference : null, details: [...(apart ? [] : [difference]), ...corrections] }];
}

const figure = (value: number | null): string => (value === null ? 'unknown' : value === 0 ? '0' : value.toExponential(1));
