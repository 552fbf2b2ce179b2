/** Everything that is derived from a graph, computed once per graph object and never stored with it. */
import { followed } from '../errors.ts';
import { type FlatGraph, flatten } from '../onnx/graph.ts';
import type { Model } from '../onnx/ir.ts';
import { findAnatomy } from './anatomy.ts';
import { type Axes, findAxes } from './axes.ts';
import { type Dataflow, followData } from './dataflow.ts';
import { findSeams, type Seams } from './seams.ts';
import { type Facts, inferFacts } from './shapes.ts';
import { unpackConstants } from './unpacked.ts';

/** All facts that transforms, reports and judges ask for. */
export interface Analysis {
  readonly flat: FlatGraph;
  readonly facts: Facts;
  readonly axes: Axes;
  readonly data: Dataflow;
  readonly seams: Seams;
}

const cache = new WeakMap<Model, Analysis>();

/** Shapes, axes and dataflow of a model. Throws GrowError INVALID_MODEL, and UNSUPPORTED_AXIS where it is too deep to follow. */
export function analyze(model: Model): Analysis {
  const known = cache.get(model);
  if (known !== undefined) return known;
  const analysis = followed(() => derive(model));
  cache.set(model, analysis);
  return analysis;
}

function derive(model: Model): Analysis {
  const flat = unpackConstants(flatten(model));
  const facts = inferFacts(flat);
  const plain: Analysis = { flat, facts, axes: findAxes(flat, facts), data: followData(flat, facts), seams: new Map() };
  const { stacks, norms } = findAnatomy(plain);
  const seams = findSeams(plain, stacks, norms);
  return seams.size === 0 ? plain : { ...plain, axes: findAxes(flat, facts, seams), seams };
}
