/** Everything that is derived from a graph, computed once per graph object and never stored with it. */
import { type FlatGraph, flatten } from '../onnx/graph.ts';
import type { Model } from '../onnx/ir.ts';
import { type Axes, findAxes } from './axes.ts';
import { type Dataflow, followData } from './dataflow.ts';
import { type Facts, inferFacts } from './shapes.ts';
import { unpackConstants } from './unpacked.ts';

/** All facts that transforms, reports and judges ask for. */
export interface Analysis {
  readonly flat: FlatGraph;
  readonly facts: Facts;
  readonly axes: Axes;
  readonly data: Dataflow;
}

const cache = new WeakMap<Model, Analysis>();

/** Shapes, axes and dataflow of a model. */
export function analyze(model: Model): Analysis {
  const known = cache.get(model);
  if (known !== undefined) return known;
  const flat = unpackConstants(flatten(model));
  const facts = inferFacts(flat);
  const analysis: Analysis = { flat, facts, axes: findAxes(flat, facts), data: followData(flat, facts) };
  cache.set(model, analysis);
  return analysis;
}
