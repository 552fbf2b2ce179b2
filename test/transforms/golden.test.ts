/** What each transform does to one small model, line by line. */
import { describe, expect, it } from 'vitest';
import { printModel } from '../../src/onnx/print.ts';
import { type Architecture, buildTransformer } from '../support/architecture.ts';
import { grownBy, reread } from '../support/grown-model.ts';

const SMALL: Architecture = {
  seed: 1,
  opset: 18,
  float: 'float32',
  layers: 1,
  hidden: 6,
  groups: 2,
  perGroup: 1,
  qk: 4,
  v: 3,
  mlp: 5,
  norm: 'layer',
  normForm: 'fused',
  normBias: true,
  epsilon: 1e-3,
  placement: 'pre',
  entryNorm: false,
  residual: 1,
  layerScale: false,
  finalNorm: true,
  projection: 'separate',
  headLayout: 'four',
  repeat: 'expand',
  scale: 'shape',
  bias: true,
  rope: 'none',
  qkNorm: 'none',
  mask: 'none',
  cache: true,
  activation: 'relu',
  gate: 'none',
  entry: 'tokens',
  exit: 'untied',
  weights: 'direct',
  shapes: 'computed',
};

/** Lines that are not in the other text, those of the old model first. */
function changes(before: string, after: string): string {
  const [old, now] = [before.split('\n'), after.split('\n')];
  const [kept, had] = [new Set(now), new Set(old)];
  return [
    ...old.filter((line) => !kept.has(line)).map((line) => `- ${line.trim()}`),
    ...now.filter((line) => !had.has(line)).map((line) => `+ ${line.trim()}`),
  ].join('\n');
}

describe('what transforms change', () => {
  const model = reread(buildTransformer(SMALL));
  const rms = reread(buildTransformer({ ...SMALL, norm: 'rms', normForm: 'div-sqrt', normBias: false }));

  it.each([
    ['mlp=x2', model, 'auto'],
    ['heads=+1', model, 'auto'],
    ['v=+1', model, 'auto'],
    ['qk=+2', model, 'auto'],
    ['hidden=+2', model, 'native'],
    ['hidden=+2', model, 'old-block'],
    ['hidden=+2', rms, 'native'],
    ['hidden=+2', rms, 'old-block'],
    ['layers=+1', model, 'auto'],
  ] as const)('%s', (step, old, norm) => {
    const grown = grownBy(old, [step], { norm });
    expect(changes(printModel(old), printModel(grown.model))).toMatchSnapshot(`${step} ${norm} ${old === rms ? 'rms' : 'layer'}`);
    expect({ corrections: grown.corrections, interfaceChanges: grown.interfaceChanges }).toMatchSnapshot('what is reported');
  });
});
