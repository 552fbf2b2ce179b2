import type { Model } from '../onnx/ir.ts';
import type { Step } from './recipe.ts';
export function addLayers(_model: Model, _step: Step, _seed: number): { model: Model; interfaceChanges: string[]; notes: string[] } {
  throw new Error('not yet');
}
