import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { fixture, runJson } from '../support/command.ts';
import { edited, mapWeight, saved } from '../support/proto-model.ts';
import { temporaryFolder } from '../support/temp-folder.ts';

/** The software Vulkan driver that comes with Debian's Chromium: it stands in where there is no GPU. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
const hasGpu = existsSync('/dev/dri') || existsSync('/proc/driver/nvidia');
const env: Readonly<Record<string, string>> = !hasGpu && existsSync(SWIFTSHADER) ? { VK_DRIVER_FILES: SWIFTSHADER, VK_ICD_FILENAMES: SWIFTSHADER } : {};

const PAPER = fixture('torchscript_paper');
const verifyOn = (provider: string, old: string, now: string) => runJson(['verify', old, now, '--provider', provider], { env });

/** Why a provider is not there; null when it is. The refusal must be the one of the contract. */
function absence(code: number | null, document: Readonly<Record<string, unknown>>): string | null {
  if (code === 0) return null;
  expect({ code, document }).toMatchObject({ code: 5, document: { ok: false, error: { code: 'RUNTIME_MISSING', hint: expect.stringContaining('GPU') } } });
  return (document as { error: { message: string } }).error.message;
}

describe.each(['webgpu', 'cuda'])('verify --provider %s', (provider) => {
  it('computes there, finds rounding and change, and says where', async ({ skip }) => {
    const folder = temporaryFolder();
    const grown = path.join(folder, 'grown.onnx');
    expect((await runJson(['apply', PAPER, '-o', grown, 'mlp=x1.5', 'heads=+1', '--no-verify'])).code).toBe(0);
    const { code, document } = await verifyOn(provider, PAPER, grown);
    const absent = absence(code, document);
    if (absent !== null) {
      console.warn(`skipped: ${absent}`);
      skip(absent);
    }
    expect({ code, document }).toMatchObject({
      code: 0,
      document: { provider, verdict: expect.stringMatching(/bit-exact|rounding/), float64: expect.any(Number) },
    });
    const { placement } = document as {
      placement: { adapter: string | null; software: boolean; computeNodes: number; onProvider: number; elsewhere: string[] };
    };
    console.warn(`${provider}: ${JSON.stringify(placement)}`);
    expect(placement.onProvider).toBeGreaterThan(20);
    expect(placement.onProvider / placement.computeNodes).toBeGreaterThan(0.9);
    if ('VK_DRIVER_FILES' in env && provider === 'webgpu') expect(placement).toMatchObject({ adapter: 'SwiftShader', software: true });
    const wrong = saved(
      folder,
      'wrong.onnx',
      edited(PAPER, (model) => mapWeight(model, model.graph?.node?.at(-1)?.input?.[1] ?? '', (value, i) => (i === 5 ? value * 1.1 : value))),
    );
    expect(await verifyOn(provider, PAPER, wrong)).toMatchObject({ code: 1, document: { verdict: 'changed' } });
  }, 180_000);
});
