/** Where nodes ran, as the runtime's profile says, and which adapter computed: on the CPU for real, and read off what others write. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { adapterFrom, computeNodes, probeProvider, watchPlacement } from '../../src/verify/provider.ts';
import { importFailure, openSession, type Provider, weakerThan } from '../../src/verify/runtime.ts';
import { typed } from '../support/typed-graph.ts';

const hasGpu = existsSync('/dev/dri') || existsSync('/proc/driver/nvidia');

describe('a provider', () => {
  it('is there where a product is computed on it', async () => {
    expect(await probeProvider('cpu')).toBeUndefined();
  });

  it.skipIf(hasGpu)('is missing where there is no card', async () => {
    await expect(probeProvider('cuda')).rejects.toMatchObject({
      code: 'RUNTIME_MISSING',
      message: expect.stringMatching(/^the cuda provider is not available: [^\n]+$/),
      where: '--provider',
      hint: expect.stringContaining('CUDA'),
      cause: expect.any(Error),
    });
  });

  it('is known by what the profile says of it', async () => {
    const model = typed({ inputs: { x: [2, 2] }, lines: ['MatMul(x, x) -> a', 'Exp(a) -> b', 'Transpose(b) perm=[1,0] -> c', 'Exp(c) -> y'] });
    const run = async (provider: Provider, profiled: boolean) => {
      const watch = watchPlacement(provider);
      const session = await openSession(encodeModel(model), {
        level: 'disabled',
        threads: 1,
        provider: 'cpu',
        ...(profiled ? { profile: watch.prefix } : {}),
      });
      const outputs = await session.run(new Map([['x', { type: 'float32' as const, dims: [2, 2], data: Float32Array.of(1, 2, 3, 4) }]]));
      await session.release();
      const found = watch.read();
      watch.end();
      expect([outputs.get('y')?.dims, outputs.get('y')?.type, existsSync(path.dirname(watch.prefix))]).toEqual([[2, 2], 'float32', false]);
      return found;
    };
    expect(await run('cpu', true)).toEqual({ adapter: null, software: false, computeNodes: 3, onProvider: 3, elsewhere: [] });
    expect(await run('cpu', false)).toEqual({ adapter: null, software: false, computeNodes: 0, onProvider: 0, elsewhere: [] });
    expect(await run('cuda', true)).toMatchObject({
      computeNodes: 3,
      onProvider: 0,
      elsewhere: ['MatMul (CPUExecutionProvider)', 'Exp (CPUExecutionProvider)'],
    });
  });
});

describe('nodes that compute', () => {
  const event = (op: string | undefined, type: string | null, more: Readonly<Record<string, unknown>> = {}, name: string | undefined = 'n') => ({
    cat: 'Node',
    name,
    args: { op_name: op, provider: 'P', output_type_shape: type === null ? undefined : [{ int64: [1] }, { [type]: [2] }] },
    ...more,
  });
  const found = (...events: readonly object[]): readonly string[] => computeNodes(JSON.stringify(events)).map(({ op, provider }) => `${op} on ${provider}`);

  it.each(['Reshape', 'Gather', 'Transpose', 'Concat', 'Slice', 'Unsqueeze', 'Squeeze', 'Shape', 'Cast', 'Expand', 'Identity', 'Split', 'Flatten'])(
    '%s is none',
    (op) => {
      expect([found(event(op, 'float')), found(event('Add', 'float'))]).toEqual([[], ['Add on P']]);
    },
  );
  it.each(['MemcpyFromHost', 'MemcpyToHost'])('%s is none', (op) => {
    expect(found(event(op, 'float'))).toEqual([]);
  });

  it.each<readonly [type: string | null, count: number]>([
    ['float', 1],
    ['float16', 1],
    ['double', 1],
    ['bool', 0],
    ['bfloat16', 0],
    [null, 0],
  ])('giving %s count %i', (type, count) => {
    expect(found(event('Add', type))).toHaveLength(count);
  });

  it('have names, and are events of nodes', () => {
    expect(found(event('Add', 'float'), event('Add', 'float'))).toEqual(['Add on P']);
    expect(found(event('Add', 'float', {}, 'a'), event('Add', 'float', {}, 'b'))).toEqual(['Add on P', 'Add on P']);
    expect(found(event('Add', 'float', { name: undefined }), event('Mul', 'float', { name: undefined }))).toEqual(['Add on P', 'Mul on P']);
    expect(found(event('Add', 'float', { cat: 'Session' }), event(undefined, 'float'), { cat: 'Node', name: 'n' })).toEqual([]);
    expect(found({ cat: 'Node', name: 'n', args: { op_name: 'Add', output_type_shape: [{ float: [1] }] } })).toEqual([]);
  });
});

describe('an adapter', () => {
  const card = 'Model: \t\t NVIDIA H100\nIRQ: 5\n';
  it.each<readonly [provider: Provider, loaded: string, information: string, adapter: string | null, software: boolean]>([
    ['cpu', '/lib/libGLX_nvidia.so', card, null, false],
    ['cuda', '', card, 'NVIDIA H100', false],
    ['cuda', '/lib/libvulkan_lvp.so', '', null, false],
    ['cuda', '', 'Other Model: none', null, false],
    ['webgpu', '/lib/libGLX_nvidia.so', card, 'NVIDIA H100', false],
    ['webgpu', '/lib/libGLX_nvidia.so', 'IRQ: 5', 'NVIDIA', false],
    ['webgpu', '/lib/libvulkan_intel.so', card, 'Intel (Mesa)', false],
    ['webgpu', '/lib/libvulkan_radeon.so', '', 'AMD (Mesa)', false],
    ['webgpu', '/lib/amdvlk64.so', '', 'AMD', false],
    ['webgpu', '/lib/libvk_swiftshader.so', '', 'SwiftShader', true],
    ['webgpu', '/lib/libvulkan_lvp.so', card, 'llvmpipe (Mesa)', true],
    ['webgpu', '/lib/libvulkan.so', card, null, false],
  ])('of %s with %s and %j is %s', (provider, loaded, information, adapter, software) => {
    expect(adapterFrom(provider, loaded, information)).toEqual({ adapter, software });
  });
});

describe('a runtime that cannot be imported', () => {
  it.each(['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'])('is missing where the code is %s', (code) => {
    const cause = Object.assign(new Error('not found'), { code });
    expect(importFailure(cause)).toMatchObject({ code: 'RUNTIME_MISSING', hint: expect.stringContaining('onnxruntime-node'), cause });
  });

  it('fails with what it says otherwise', () => {
    for (const cause of [Object.assign(new Error('no'), { code: 'ERR_DLOPEN_FAILED' }), new Error('no'), { code: 'MODULE_NOT_FOUND' }, null])
      expect(importFailure(cause)).toBe(cause);
  });
});

describe('levels', () => {
  it('become weaker but for the one that the strongest contains', () => {
    expect((['all', 'extended', 'basic', 'disabled'] as const).map(weakerThan)).toEqual(['basic', 'basic', 'disabled', null]);
  });
});
