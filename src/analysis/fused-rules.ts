/** Rows of the op table for fused operators (com.microsoft, and ai.onnx from opset 23). */
import type { OpRule } from './op-rules.ts';
import { broadcast, likeInput } from './relation.ts';

export const FUSED_RULES: Readonly<Record<string, OpRule>> = {
  'com.microsoft.Gelu': { relate: (site) => likeInput(site), zero: 'keeps' },
  'com.microsoft.QuickGelu': { relate: (site) => likeInput(site), zero: 'keeps' },
  'com.microsoft.FastGelu': { relate: (site) => broadcast(site, site.flat.inputs.length), zero: 'all' },
  'com.microsoft.BiasGelu': { relate: (site) => broadcast(site, 2), zero: 'all' },
};
