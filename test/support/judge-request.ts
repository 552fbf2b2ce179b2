/** What a comparison is asked for where a test says nothing else. */
import type { Request } from '../../src/verify/conclude.ts';

export const REQUEST: Request = {
  oldPath: 'old',
  newPath: 'new',
  seed: 0,
  provider: 'cpu',
  tolerance: null,
  inputs: null,
  level: 'all',
  large: false,
  noShadow: null,
};
