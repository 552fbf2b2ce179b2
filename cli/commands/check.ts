import { GrowError } from '../../src/index.ts';

/** `grow check <old> <new>`. */
export async function checkCommand(): Promise<number> {
  throw new GrowError('NOT_AVAILABLE', 'the static proof is not available in this version', {
    hint: 'grow verify <old> <new> compares both models in onnxruntime',
  });
}
