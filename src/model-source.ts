import path from 'node:path';
import type { Model } from './onnx/ir.ts';
import { readModel } from './onnx/read.ts';
import { withTemporaryFolder } from './onnx/temporary-folder.ts';
import { writeModel } from './onnx/write.ts';

/** A model: the path of an .onnx file, the bytes of one, or one that was read or grown before. */
export type ModelSource = string | Uint8Array | Model;

/** Reads a model unless it is one. Throws the errors of readModel. */
export function openModel(source: ModelSource): Model {
  return typeof source === 'string' || source instanceof Uint8Array ? readModel(source) : source;
}

/** The path of a model that is a file, else null. */
export const pathOf = (source: ModelSource): string | null => (typeof source === 'string' ? source : null);

/** Runs `use` with a file of the model: its own, or a temporary one. */
export async function withModelFile<T>(source: ModelSource, use: (file: string) => Promise<T>): Promise<T> {
  if (typeof source === 'string') return use(source);
  return withTemporaryFolder(async (folder) => {
    const file = path.join(folder, 'model.onnx');
    await writeModel(openModel(source), file, { externalData: 'auto' });
    return use(file);
  });
}
