import { describe, expect, test } from 'vitest';
import { fixture, runGrow, runJson, snapshot } from '../support/command.ts';
import { temporaryFolder } from '../support/temp-folder.ts';

const MODEL = fixture('torchscript_paper');
const apply = (...words: readonly string[]): readonly string[] => ['apply', MODEL, '-o', 'out.onnx', ...words];

describe('words that mean nothing', () => {
  test.each([
    ['a verb', ['aply', MODEL], 'USAGE', "'aply' is no verb", 'did you mean apply?'],
    ['a verb unlike any', ['frobnicate'], 'USAGE', "'frobnicate' is no verb", 'one of inspect, apply, verify, check; see grow --help'],
    ['an option for a verb', ['--output'], 'USAGE', '--output stands where the verb belongs', 'one of inspect, apply, verify, check; see grow --help'],
    ['an option', apply('mlp=x2', '--sed', '3'), 'USAGE', 'there is no option --sed', 'did you mean --seed?'],
    ['an option of another verb', ['inspect', MODEL, '--seed', '3'], 'USAGE', 'there is no option --seed', 'grow inspect --help'],
    ['an axis', apply('mpl=x2'), 'UNKNOWN_STEP', "'mpl' is no axis that can grow", 'did you mean mlp?'],
    ['no step at all', apply(), 'USAGE', 'there is no step', 'say what grows, for example mlp=x2; see grow apply --help'],
    ['a word without a size', apply('mlp'), 'USAGE', "'mlp' is no step", /axis=size/],
    ['a size', apply('mlp=big'), 'USAGE', "'big' is no size", 'a size is 128, +16 or x1.5'],
    ['no output', ['apply', MODEL, 'mlp=x2'], 'USAGE', 'there is no output file', 'name it with -o, or look first with --dry-run'],
    ['an output without a name', ['apply', MODEL, 'mlp=x2', '-o'], 'USAGE', /Not enough arguments following: o/, 'grow apply --help'],
    ['two outputs', apply('mlp=x2', '-o', 'b.onnx'), 'USAGE', '--output is given more than once', 'give it once'],
    ['a seed', apply('mlp=x2', '--seed', 'seven'), 'USAGE', "--seed is 'seven'", 'a whole number of 0 or more'],
    ['a negative seed', apply('mlp=x2', '--seed=-1'), 'USAGE', "--seed is '-1'", 'a whole number of 0 or more'],
    ['a norm form', apply('mlp=x2', '--norm', 'new'), 'USAGE', "--norm is 'new'", 'one of auto, native, old-block'],
    ['one model for two', ['verify', MODEL], 'USAGE', '<new> is missing', 'grow verify <old> <new>'],
    ['three models for two', ['verify', MODEL, MODEL, MODEL], 'USAGE', /is one word too many/, 'grow verify <old> <new>'],
    ['no model', ['inspect'], 'USAGE', '<model> is missing', 'grow inspect <model>'],
    ['a tolerance', ['verify', MODEL, MODEL, '--tolerance', '0'], 'USAGE', "--tolerance is '0'", 'a number above 0, such as 1e-5'],
    ['a report', ['verify', MODEL, MODEL, '--report', 'html=x.html'], 'USAGE', "--report is 'html=x.html'", 'junit=FILE or markdown=FILE'],
    ['a layer', apply('mlp[7]=x2'), 'USAGE', 'layer 7 does not exist', 'layers are 0 to 1'],
    ['layers of hidden', apply('hidden[0]=+4'), 'USAGE', 'hidden takes the name of a stream or stack, no layer numbers', 'hidden=… or hidden[decoder]=…'],
  ])('%s: exit code 2', async (_, args, code, message, hint) => {
    const folder = temporaryFolder();
    const { code: exit, document } = await runJson(args, { cwd: folder });
    expect(document).toMatchObject({ ok: false, error: { code } });
    const { error } = document as { error: { message: string; hint: string } };
    expect(error.message).toEqual(typeof message === 'string' ? message : expect.stringMatching(message));
    expect(error.hint).toEqual(typeof hint === 'string' ? hint : expect.stringMatching(hint));
    expect(exit).toBe(2);
    expect(snapshot(folder)).toEqual({});
  });

  test('nothing at all prints help on stderr', async () => {
    const { code, stdout, stderr } = await runGrow([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('grow apply <model>');
  });

  test('common switches may stand before the verb', async () => {
    expect(await runJson(['--quiet', 'inspect', MODEL])).toMatchObject({ code: 0, document: { hidden: 44 } });
    expect((await runGrow(['--json', 'inspect', MODEL])).stdout).toMatch(/^\{/);
  });

  test('as text: what, where and how to fix it on stderr', async () => {
    const { code, stdout, stderr } = await runGrow([...apply('mpl=x2'), '--quiet'], { cwd: temporaryFolder() });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe("error: 'mpl' is no axis that can grow\n  where: step mpl=x2\n  hint: did you mean mlp?\n");
  });
});

test('default values may be said', async () => {
  expect((await runGrow(apply('mlp=x2', '--scale', 'keep', '--new-layer', 'copy', '--dry-run'), { cwd: temporaryFolder() })).code).toBe(0);
});
