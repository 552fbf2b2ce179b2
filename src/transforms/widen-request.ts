import type { Attention } from '../analysis/attention.ts';
import type { Axis } from '../analysis/axis.ts';
import type { Norm } from '../analysis/norms.ts';
import type { LeafSizes } from './grow-axis.ts';
import type { ScaleForm } from './score-scale.ts';

/** How norms keep their function when their axis grows, see norm-forms.ts. */
export type NormForm = 'native' | 'old-block';

/** What to grow, with the facts of the graph that decide how. */
export interface WidenRequest {
  readonly leaves: LeafSizes;
  /** Leaves of residual streams among them: their new channels are zero (or means), not the weights that read them. */
  readonly streams: ReadonlySet<Axis>;
  readonly norms: readonly Norm[];
  readonly attention: readonly Attention[];
  readonly form: NormForm;
  /** The user asked for the native form: a norm that cannot have it is refused. */
  readonly onlyNative: boolean;
  readonly scale: ScaleForm;
  readonly seed: number;
  readonly exposeOutputs: boolean;
}
