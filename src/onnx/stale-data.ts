import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Model } from './ir.ts';
import { mapTensors } from './map-tensors.ts';
import { removeIfThere, statOrNull } from './output-files.ts';
import { readModel } from './read.ts';

/** More models than this in one folder are not searched: nothing is removed. */
const MOST_MODELS = 100;

/** The name of the data file beside `target`: it carries a hash of the content, so that it fits one model only. */
export function dataFileName(target: string, hash: string): string {
  return `${stem(target)}-${hash}.data`;
}

/** Names of the data files of ours that the model now at `target` uses; [] when there is none or it cannot be read. */
export function usedDataFiles(target: string): readonly string[] {
  const names = locationsOf(target) ?? new Set<string>();
  const start = `${stem(target)}-`;
  return [...names].filter((name) => name.startsWith(start) && /^[0-9a-f]{16}\.data$/.test(name.slice(start.length)));
}

/** Removes data files that a replaced model used, unless any model in the folder still uses them. */
export async function removeUnused(target: string, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const folder = path.dirname(target);
  const models = (await readdir(folder)).filter((name) => name.endsWith('.onnx') || name === path.basename(target));
  if (models.length > MOST_MODELS) return;
  const inUse = models.map((name) => locationsOf(path.join(folder, name)));
  for (const name of names) {
    // A model that cannot be read might use it.
    if (inUse.some((used) => used === null || used.has(name))) continue;
    const file = path.join(folder, name);
    if ((await statOrNull(file))?.isFile()) await removeIfThere(file);
  }
}

/** The locations of all external data of a model file, or null when it cannot be read. */
function locationsOf(file: string): ReadonlySet<string> | null {
  try {
    return locations(readModel(file));
  } catch {
    return null;
  }
}

function locations(model: Model): ReadonlySet<string> {
  const names = new Set<string>();
  mapTensors(model, (tensor) => {
    if (tensor.external !== undefined) names.add(tensor.external.location);
    return tensor;
  });
  return names;
}

function stem(target: string): string {
  return path.basename(target).replace(/\.onnx$/i, '');
}
