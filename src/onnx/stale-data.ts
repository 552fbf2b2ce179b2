import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { startContentHash } from './content-hash.ts';
import type { Model } from './ir.ts';
import { mapTensors } from './map-tensors.ts';
import { isWritten, ownerOf, removeIfThere, STALE, statOrNull } from './output-files.ts';
import { readModel } from './read.ts';

/** More models than this in one folder are not searched: nothing is removed. */
const MOST_MODELS = 100;

/** The name of the data file beside `target`: it carries a hash of the content, so that it fits one model only. */
export function dataFileName(target: string, hash: string): string {
  return `${stem(target)}-${hash}.data`;
}

/** Names of the data files of ours that the model now at `target` uses; [] when there is none or it cannot be read. */
export function usedDataFiles(target: string): readonly string[] {
  return [...(locationsOf(target) ?? [])].filter((name) => isDataFileOf(target, name));
}

function isDataFileOf(target: string, name: string): boolean {
  const start = `${stem(target)}-`;
  return name.startsWith(start) && /^[0-9a-f]{16}\.data$/.test(name.slice(start.length));
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

/**
 * Removes data files of this target that no model uses: a run that was killed between naming the data and naming the model, or
 * between that and removing the old data, leaves one. Only what is certainly such a file goes: its name is the hash of its
 * content, it is an hour old, no run for this target is going on, and every file beside it that is a model was read.
 */
export async function removeOrphans(target: string): Promise<void> {
  const folder = path.dirname(target);
  const names = await readdir(folder);
  const ours = names.filter((name) => isDataFileOf(target, name));
  const others = names.filter((name) => !ours.includes(name));
  if (ours.length === 0 || others.length > MOST_MODELS) return;
  // this run has no temporary files any more
  for (const name of others) {
    const owner = ownerOf(target, name);
    const written = owner === null ? null : await statOrNull(path.join(folder, name));
    if (owner !== null && written !== null && isWritten(owner, written.mtimeMs)) return;
  }
  const used = new Set<string>();
  for (const name of others) {
    const file = path.join(folder, name);
    if (!(await stat(file).catch(() => null))?.isFile()) continue;
    const locations = locationsOf(file);
    if (locations === null && (name.endsWith('.onnx') || name === path.basename(target))) return;
    for (const location of locations ?? []) used.add(path.normalize(location));
  }
  for (const name of ours) {
    const file = path.join(folder, name);
    const there = used.has(name) ? null : await statOrNull(file);
    if (there?.isFile() && Date.now() - there.mtimeMs > STALE && dataFileName(target, await hashOf(file)) === name) await removeIfThere(file);
  }
}

async function hashOf(file: string): Promise<string> {
  const hash = startContentHash();
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.add(chunk as Uint8Array);
  return hash.digest();
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
