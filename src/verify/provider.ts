/** What shows that a provider other than the CPU is there and did the work: a probe, the runtime's profile, the adapter's name. */
import path from 'node:path';
import { GrowError } from '../errors.ts';
import { DataType, type Model } from '../onnx/ir.ts';
import { namesIn, scratchFolder, textOf } from '../onnx/scratch-folder.ts';
import { encodeModel } from '../onnx/serialize.ts';
import type { PlacementReport } from './result.ts';
import { openSession, type Provider } from './runtime.ts';

/** The runtime's own names of providers, as its profile has them. */
const PROFILE_NAMES: Readonly<Record<Provider, string>> = { cpu: 'CPUExecutionProvider', webgpu: 'WebGpuExecutionProvider', cuda: 'CUDAExecutionProvider' };

const HINTS: Readonly<Record<Provider, string>> = {
  cpu: 'install onnxruntime-node again',
  webgpu:
    'a GPU with its Vulkan driver and the loader (Debian: apt-get install libvulkan1 mesa-vulkan-drivers). Without a GPU: apt-get install libvulkan1 chromium, then set VK_DRIVER_FILES and VK_ICD_FILENAMES to /usr/lib/chromium/vk_swiftshader_icd.json',
  cuda: 'an NVIDIA GPU with its driver, CUDA and cuDNN, and the CUDA libraries of the runtime: ONNXRUNTIME_NODE_INSTALL=1 node node_modules/onnxruntime-node/script/install.js',
};

/** Operators that move elements or only look at shapes: where they run says nothing. */
const MOVING = new Set([
  'Reshape',
  'Gather',
  'Transpose',
  'Concat',
  'Slice',
  'Unsqueeze',
  'Squeeze',
  'Shape',
  'Cast',
  'Expand',
  'Identity',
  'Split',
  'Flatten',
  'MemcpyFromHost',
  'MemcpyToHost',
]);

/** y = x·x: enough to see whether a provider works at all. */
const PROBE: Model = {
  irVersion: 8,
  opsetImports: [{ domain: '', version: 13 }],
  producerName: '',
  producerVersion: '',
  graph: {
    name: 'probe',
    nodes: [{ opType: 'MatMul', domain: '', name: 'product', inputs: ['x', 'x'], outputs: ['y'], attributes: [] }],
    initializers: [],
    sparseInitializers: [],
    inputs: [{ name: 'x', type: { elemType: DataType.FLOAT, dims: [2, 2] } }],
    outputs: [{ name: 'y', type: { elemType: DataType.FLOAT, dims: [2, 2] } }],
    valueInfos: [],
  },
  functions: [],
  metadata: [],
};

/** Throws GrowError RUNTIME_MISSING when nothing can be computed on a provider. */
export async function probeProvider(provider: Provider): Promise<void> {
  const watch = watchPlacement(provider);
  try {
    const session = await openSession(encodeModel(PROBE), { level: 'disabled', threads: 1, provider, profile: watch.prefix });
    await session.run(new Map([['x', { type: 'float32', dims: [2, 2], data: Float32Array.of(1, 2, 3, 4) }]]));
    await session.release();
    if (watch.read().onProvider > 0) return;
  } catch (cause) {
    const [first = ''] = (cause instanceof Error ? cause.message : String(cause)).split('\n');
    throw missing(provider, first, cause);
  } finally {
    watch.end();
  }
  throw missing(provider, 'a product was computed elsewhere', undefined);
}

const missing = (provider: Provider, why: string, cause: unknown): GrowError =>
  new GrowError('RUNTIME_MISSING', `the ${provider} provider is not available: ${why}`, { where: '--provider', hint: HINTS[provider], cause });

/** Where nodes ran, as the runtime's profile says. */
interface Watch {
  /** What the runtime's profiles are to be called. */
  readonly prefix: string;
  /** Sums up the profiles written so far. */
  read(): PlacementReport;
  /** Removes them. */
  end(): void;
}

/** Watches where sessions compute: they are given `prefix`, and end their profile when they are released. */
export function watchPlacement(provider: Provider): Watch {
  const folder = scratchFolder();
  return {
    prefix: path.join(folder.path, 'profile'),
    read: () => {
      const nodes = folder.texts().flatMap(computeNodes);
      const there = nodes.filter((node) => node.provider === PROFILE_NAMES[provider]);
      const elsewhere = [...new Set(nodes.filter((node) => !there.includes(node)).map(({ op, provider: own }) => `${op} (${own})`))];
      return { ...adapterOf(provider), computeNodes: nodes.length, onProvider: there.length, elsewhere };
    },
    end: () => folder.remove(),
  };
}

interface Event {
  readonly cat?: string;
  readonly name?: string;
  readonly args?: { readonly op_name?: string; readonly provider?: string; readonly output_type_shape?: readonly Readonly<Record<string, unknown>>[] };
}

/** Distinct nodes that computed floats, in a profile of the runtime. */
export function computeNodes(profile: string): readonly { readonly op: string; readonly provider: string }[] {
  const found = new Map<string, { op: string; provider: string }>();
  for (const { cat, name, args } of JSON.parse(profile) as readonly Event[]) {
    const { op_name: op, provider, output_type_shape: outputs } = args ?? {};
    if (cat !== 'Node' || op === undefined || provider === undefined || MOVING.has(op)) continue;
    if (outputs?.some((own) => Object.keys(own).some((type) => type.startsWith('float') || type === 'double')) !== true) continue;
    found.set(name ?? op, { op, provider });
  }
  return [...found.values()];
}

/** Vulkan drivers by a part of their library's name. */
const DRIVERS: readonly (readonly [part: string, name: string, software: boolean])[] = [
  ['nvidia', 'NVIDIA', false],
  ['vulkan_intel', 'Intel (Mesa)', false],
  ['vulkan_radeon', 'AMD (Mesa)', false],
  ['amdvlk', 'AMD', false],
  ['vk_swiftshader', 'SwiftShader', true],
  ['vulkan_lvp', 'llvmpipe (Mesa)', true],
];

/** The adapter that this process computes on. */
function adapterOf(provider: Provider): Adapter {
  const folder = '/proc/driver/nvidia/gpus';
  const [card = ''] = namesIn(folder);
  return adapterFrom(provider, textOf('/proc/self/maps'), textOf(path.join(folder, card, 'information')));
}

type Adapter = Pick<PlacementReport, 'adapter' | 'software'>;

/** The adapter of a provider, by the libraries that a process has loaded and what NVIDIA's driver says of the card; null where they do not say. */
export function adapterFrom(provider: Provider, loaded: string, information: string): Adapter {
  const card = /^Model:\s*(.+)$/m.exec(information)?.[1] ?? null;
  if (provider === 'cuda') return { adapter: card, software: false };
  const [driver] = DRIVERS.filter(([part]) => provider === 'webgpu' && loaded.includes(part));
  if (driver === undefined) return { adapter: null, software: false };
  const [part, name, software] = driver;
  return { adapter: part === 'nvidia' ? (card ?? name) : name, software };
}
