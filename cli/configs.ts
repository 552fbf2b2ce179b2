/** config.json and genai_config.json beside a model go with it, with the sizes of the grown model. */
import { randomBytes } from 'node:crypto';
import { lstat, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type ConfigChange, type Json, type UpdatedConfig, updateConfig, updateGenaiConfig } from '../src/index.ts';

interface Request {
  readonly model: string;
  readonly output: string;
  readonly force: boolean;
  readonly change: ConfigChange;
}

/** The configurations of one run: written under temporary names first, renamed once the model stands. */
export interface CarriedConfigs {
  /** What is done and what a configuration cannot say, one line each. */
  readonly notes: readonly string[];
  readonly prepare: () => Promise<void>;
  readonly publish: () => Promise<void>;
  readonly discard: () => Promise<void>;
}

interface Carried {
  readonly target: string;
  readonly temporary: string;
  readonly text: string;
}

const NAMES = ['config.json', 'genai_config.json'] as const;

/** Finds the configurations beside a model and plans where they go. Nothing is written yet. */
export async function carryConfigs(request: Request): Promise<CarriedConfigs> {
  const plans = await Promise.all(NAMES.map((name) => planConfig(request, name)));
  const carried = plans.flatMap((plan) => (plan?.carried === undefined ? [] : [plan.carried]));
  return {
    notes: plans.flatMap((plan) => plan?.notes ?? []),
    prepare: async () => {
      for (const { temporary, target, text } of carried) {
        await sweep(target);
        await writeFile(temporary, text, { flag: 'wx' });
      }
    },
    publish: async () => {
      for (const { temporary, target } of carried) await rename(temporary, target);
    },
    discard: async () => {
      for (const { temporary } of carried) await rm(temporary, { force: true });
    },
  };
}

/** What runs left that were killed is swept when it is this old. Milliseconds. */
const STALE = 60 * 60 * 1000;

/** Removes temporary configurations that killed runs left here. */
async function sweep(target: string): Promise<void> {
  const [folder, start] = [path.dirname(target), `.${path.basename(target)}.`];
  for (const name of await readdir(folder)) {
    if (!name.startsWith(start) || !/^[0-9]+(\.[0-9a-f]{12})?\.tmp$/.test(name.slice(start.length))) continue;
    const file = path.join(folder, name);
    const there = await lstat(file).catch(() => null);
    if (there?.isFile() && Date.now() - there.mtimeMs > STALE) await rm(file, { force: true });
  }
}

async function planConfig(request: Request, name: (typeof NAMES)[number]): Promise<{ readonly carried?: Carried; readonly notes: readonly string[] } | null> {
  const source = path.join(path.dirname(request.model), name);
  const text = await readFile(source, 'utf8').catch(() => null);
  if (text === null) return null;
  const config = parseObject(text);
  if (config === null) return { notes: [`${name} is no JSON object and was left alone`] };
  const target = path.join(path.dirname(request.output), name);
  const refusal = await refusalOf(request, source, target);
  if (refusal !== null) return { notes: [`${name} ${refusal}`] };
  const updated: UpdatedConfig =
    name === 'config.json'
      ? updateConfig(config, request.change)
      : updateGenaiConfig(config, request.change, { old: path.basename(request.model), now: path.basename(request.output) });
  const temporary = path.join(path.dirname(target), `.${name}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`);
  return {
    carried: { target, temporary, text: `${JSON.stringify(updated.config, null, /^\{\r?\n {4}/.test(text) ? 4 : 2)}\n` },
    notes: [`${name} goes with it, sizes updated`, ...updated.notes.map((note) => `${name}: ${note}`)],
  };
}

/** Why a configuration must not be written to its place; null when it may. */
async function refusalOf({ model, output, force }: Request, source: string, target: string): Promise<string | null> {
  const there = await stat(target).catch(() => null);
  if (there === null) return null;
  const own = await stat(source);
  const replacesModel = path.resolve(model) === path.resolve(output);
  if (own.dev === there.dev && own.ino === there.ino && !replacesModel)
    return 'describes the old model, which stays in the same folder; write the new one to another folder to have it updated';
  return force ? null : 'exists in the target folder and was left alone (replace it with --force)';
}

function parseObject(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null;
  } catch {
    return null;
  }
}
