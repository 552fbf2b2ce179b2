/** Sizes in the configuration files that stand beside models: Hugging Face's config.json, onnxruntime-genai's genai_config.json. */
import type { Inspection, LayerReport } from './inspect.ts';

/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>;

/** A configuration with the new sizes, and what it cannot say. */
export interface UpdatedConfig {
  readonly config: Json;
  readonly notes: readonly string[];
}

/** Growth as far as configurations speak of it. */
export interface ConfigChange {
  readonly before: Inspection;
  readonly after: Inspection;
  readonly norm: 'native' | 'old-block' | null;
  /** New layers in the order they were put in. */
  readonly inserted: readonly { readonly stack: string; readonly source: number; readonly at: number }[];
}

type Part = 'only' | 'encoder' | 'decoder';
type Sizes = Readonly<Record<'hidden' | 'mlp' | 'heads' | 'kvHeads' | 'headDim' | 'layers', number | 'differs' | null>>;

/** Keys of config.json by what they say. In a file for encoder and decoder, some speak of one of them. */
const KEYS: Readonly<Record<keyof Sizes, Readonly<Record<Part, readonly string[]>>>> = {
  hidden: { only: ['hidden_size', 'n_embd', 'd_model', 'dim'], encoder: ['d_model', 'hidden_size'], decoder: ['d_model', 'hidden_size'] },
  mlp: {
    only: ['intermediate_size', 'n_inner', 'd_ff', 'ffn_dim', 'hidden_dim', 'ffn_hidden_size'],
    encoder: ['encoder_ffn_dim', 'd_ff'],
    decoder: ['decoder_ffn_dim', 'd_ff'],
  },
  heads: {
    only: ['num_attention_heads', 'n_head', 'n_heads', 'num_heads'],
    encoder: ['encoder_attention_heads', 'num_heads'],
    decoder: ['decoder_attention_heads', 'num_heads'],
  },
  kvHeads: { only: ['num_key_value_heads', 'num_kv_heads'], encoder: [], decoder: [] },
  headDim: { only: ['head_dim', 'd_kv'], encoder: ['d_kv'], decoder: ['d_kv'] },
  layers: {
    only: ['num_hidden_layers', 'n_layer', 'n_layers', 'num_layers'],
    encoder: ['encoder_layers', 'num_layers', 'num_hidden_layers'],
    decoder: ['decoder_layers', 'num_decoder_layers'],
  },
};

const NAMES: Readonly<Record<keyof Sizes, string>> = {
  hidden: 'hidden width',
  mlp: 'mlp width',
  heads: 'number of heads',
  kvHeads: 'number of key/value heads',
  headDim: 'head width',
  layers: 'number of layers',
};

/** config.json with the sizes of the grown model. Keys that did not describe the old model are left alone and noted. */
export function updateConfig(config: Json, change: ConfigChange): UpdatedConfig {
  const updated = { ...config };
  const notes: string[] = [];
  const parts = partsOf(config, change.before);
  for (const [part, stack] of parts) {
    const [old, now] = [sizesOf(change.before, stack), sizesOf(change.after, stack)];
    for (const size of Object.keys(KEYS) as (keyof Sizes)[]) {
      if (!concerns(size).some((own) => old[own] !== now[own]) || (old[size] === 'differs' && now[size] === 'differs')) continue;
      notes.push(...setSize(updated, size, KEYS[size][part], old[size], now[size], change));
    }
    if (stack !== null && config.is_encoder_decoder === true && parts.length === 1 && old.hidden !== now.hidden)
      notes.push('it describes encoder and decoder; grow the other file by the same hidden width');
  }
  if (change.norm === 'native') notes.push(...setEpsilon(updated, change));
  if (change.norm === 'old-block') notes.push('it cannot say that norms keep their statistics over the old channels');
  if (Array.isArray(config.layer_types) && config.layer_types.length === change.before.layers.length) updated.layer_types = kindsOf(config.layer_types, change);
  return { config: updated, notes };
}

/** The kind of every layer; a new one has that of the layer it copies. */
function kindsOf(kinds: readonly unknown[], { inserted }: ConfigChange): readonly unknown[] {
  return inserted.reduce<readonly unknown[]>((list, { source, at }) => [...list.slice(0, at), list[source], ...list.slice(at)], kinds);
}

/** genai_config.json with the sizes of the grown decoder, and its new file name. */
export function updateGenaiConfig(config: Json, change: ConfigChange, file: { readonly old: string; readonly now: string }): UpdatedConfig {
  const model = objectAt(config, 'model');
  const decoder = objectAt(model, 'decoder');
  if (model === null || decoder === null) return { config, notes: ['it has no model.decoder'] };
  const updated: Record<string, unknown> = { ...decoder };
  const notes: string[] = [];
  if (decoder.filename === file.old) updated.filename = file.now;
  const [old, now] = [sizesOf(change.before, null), sizesOf(change.after, null)];
  const keys: readonly (readonly [keyof Sizes, string])[] = [
    ['hidden', 'hidden_size'],
    ['headDim', 'head_size'],
    ['heads', 'num_attention_heads'],
    ['kvHeads', 'num_key_value_heads'],
    ['layers', 'num_hidden_layers'],
  ];
  for (const [size, key] of keys) if (old[size] !== now[size]) notes.push(...setSize(updated, size, [key], old[size], now[size], change));
  return { config: { ...config, model: { ...model, decoder: updated } }, notes };
}

/** The stacks of the file with the part of the configuration that speaks of each; null means all layers. */
function partsOf(config: Json, model: Inspection): (readonly [Part, string | null])[] {
  const two = config.is_encoder_decoder === true || 'decoder_layers' in config || 'num_decoder_layers' in config;
  if (!two) return [['only', null]];
  return model.streams.map(({ name }) => {
    const crosses = model.layers.some((layer) => layer.stack === name && layer.attention.some((block) => block.role === 'cross'));
    return [crosses ? 'decoder' : 'encoder', name] as const;
  });
}

/** Where the head width is not said it follows from others. */
const concerns = (size: keyof Sizes): readonly (keyof Sizes)[] => (size === 'headDim' ? ['headDim', 'hidden', 'heads'] : [size]);

function sizesOf(model: Inspection, stack: string | null): Sizes {
  const layers = model.layers.filter((layer) => stack === null || layer.stack === stack);
  const one = (sizes: (layer: LayerReport) => readonly number[]): number | 'differs' | null => {
    const all = new Set(layers.flatMap(sizes));
    return all.size > 1 ? 'differs' : ([...all][0] ?? null);
  };
  return {
    hidden: stack === null ? model.hidden : (model.streams.find((stream) => stream.name === stack)?.hidden ?? null),
    mlp: one((layer) => (layer.mlp === null ? [] : [layer.mlp.size])),
    heads: one((layer) => layer.attention.map((block) => block.heads)),
    kvHeads: one((layer) => layer.attention.map((block) => block.kvHeads)),
    headDim: one((layer) => layer.attention.flatMap((block) => [block.qk, block.v])),
    layers: layers.length,
  };
}

function setSize(
  config: Record<string, unknown>,
  size: keyof Sizes,
  keys: readonly string[],
  old: Sizes['hidden'],
  now: Sizes['hidden'],
  change: ConfigChange,
): string[] {
  const present = keys.filter((key) => key in config);
  if (now === 'differs')
    return [
      size === 'headDim'
        ? 'it has one head width; queries and values (or layers) have different ones now'
        : `it has one ${NAMES[size]}; layers have different ones now`,
    ];
  if (present.length === 0) return addSize(config, size, now, change);
  return present.flatMap((key) => {
    // GPT-2 says null for four times the hidden width.
    const said = config[key] ?? (size === 'mlp' && change.before.hidden !== null ? 4 * change.before.hidden : null);
    if (said !== old) return [`${key} was ${JSON.stringify(config[key])} where the model has ${old ?? 'none'}; it was left as it is`];
    config[key] = now;
    return [];
  });
}

/** What to do about a size that the configuration derives from others. */
function addSize(config: Record<string, unknown>, size: keyof Sizes, now: number | null, change: ConfigChange): string[] {
  if (size === 'kvHeads') return [];
  if (size !== 'headDim') return [`it does not say the ${NAMES[size]}`];
  const { hidden } = change.after;
  const heads = sizesOf(change.after, null).heads;
  if (hidden !== null && typeof heads === 'number' && now !== null && hidden === heads * now) return [];
  // Families with key/value heads take a head width of its own; older ones divide hidden by heads.
  if (!('num_key_value_heads' in config)) return [`it derives the head width from hidden and heads, which is not ${now ?? 'known'}`];
  config.head_dim = now;
  return [];
}

const EPSILONS: readonly string[] = ['rms_norm_eps', 'layer_norm_eps', 'layer_norm_epsilon', 'norm_epsilon', 'norm_eps'];

/** Native norms over a grown width have ε·h/ĥ; a configuration has one ε for all. */
function setEpsilon(config: Record<string, unknown>, { before, after }: ConfigChange): string[] {
  const keys = EPSILONS.filter((key) => typeof config[key] === 'number');
  if (before.hidden === null || after.hidden === null || before.hidden === after.hidden) return [];
  const inner = after.layers.some((layer) => layer.attention.some((block) => block.qkNorm !== null));
  if (inner || after.streams.length > 1) return ['it has one norm epsilon; only the norms over the grown width have a new one'];
  for (const key of keys) config[key] = ((config[key] as number) * before.hidden) / after.hidden;
  return keys.length === 0 ? ['it does not say the norm epsilon, which is smaller now'] : [];
}

function objectAt(value: Json | null, key: string): Json | null {
  const inner = value?.[key];
  return typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? (inner as Json) : null;
}
