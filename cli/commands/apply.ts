import { applyDocument, asJson, COLOURS, checkText, GrowError, type GrownModel, grow, growthText, PLAIN, type Saved, verifyText } from '../../src/index.ts';
import { carryConfigs } from '../configs.ts';
import { wholeNumber } from '../numbers.ts';
import { quoted } from '../quoted.ts';
import type { Call } from '../run.ts';
import { checkTarget } from '../target.ts';
import { isGiven, listOf, textOf } from '../words.ts';

/** `grow apply <model> -o <out> <step>…`. */
export async function applyCommand(call: Call): Promise<number> {
  const { words, terminal } = call;
  const started = performance.now();
  const model = String(words.model);
  const steps = listOf(words, 'step');
  const dryRun = isGiven(words, 'dry-run');
  const output = textOf(words, 'output');
  const seed = wholeNumber(words, 'seed') ?? 0;
  if (steps.length === 0) throw new GrowError('USAGE', 'there is no step', { hint: 'say what grows, for example mlp=x2; see grow apply --help' });
  if (output === null && !dryRun) throw new GrowError('USAGE', 'there is no output file', { hint: 'name it with -o, or look first with --dry-run' });
  if (output !== null) await checkTarget(model, output, isGiven(words, 'force'));
  terminal.progress('plan');
  const norm = (textOf(words, 'norm') ?? 'auto') as 'auto' | 'native' | 'old-block';
  const grown = grow(model, steps, {
    seed,
    norm,
    exposeOutputs: isGiven(words, 'expose-outputs'),
    scale: (textOf(words, 'scale') ?? 'keep') as 'keep' | 'weights',
    newLayer: (textOf(words, 'new-layer') ?? 'copy') as 'copy' | 'random',
    allowDecompose: isGiven(words, 'allow-decompose'),
  });
  const { report } = grown;
  const planned = performance.now();
  const saved = dryRun || output === null ? null : await save(call, grown, model, output);
  const verifying = saved?.verify?.seconds ?? null;
  const total = (performance.now() - started) / 1000;
  const seconds = {
    plan: (planned - started) / 1000,
    ...(saved === null ? {} : { write: total - (planned - started) / 1000 - (verifying ?? 0) - (saved.check?.seconds ?? 0) }),
    ...(saved?.check == null ? {} : { check: saved.check.seconds }),
    ...(verifying === null ? {} : { verify: verifying }),
    total,
  };
  const outcome = {
    output: saved?.file ?? null,
    verify: saved?.verify ?? null,
    check: saved?.check ?? null,
    configs: saved?.configs ?? [],
    seconds: rounded(seconds),
  };
  if (saved?.check?.proved === false) terminal.remark('warning: not proved, only verified: see grow check\n');
  if (terminal.json) {
    terminal.result(asJson(applyDocument(report, outcome)));
    return 0;
  }
  const paint = terminal.colour ? COLOURS : PLAIN;
  terminal.result(
    `${paint.bold(saved === null ? 'would grow' : 'grew')} ${quoted(model)}${saved === null ? '' : ` → ${quoted(saved.file)}`}\n${growthText(report, paint)}`,
  );
  for (const line of outcome.configs) terminal.result(`  ${line}\n`);
  if (outcome.check !== null) terminal.result(checkText(outcome.check, paint));
  if (saved === null)
    terminal.result(`nothing was written\nnext: grow apply ${quoted(model)} -o ${quoted(output ?? 'bigger.onnx')} ${steps.map(quoted).join(' ')}\n`);
  else if (saved.verify === null) terminal.result(`not verified\nnext: grow verify ${quoted(model)} ${quoted(saved.file)}\n`);
  else terminal.result(`${verifyText(saved.verify, paint)}next: grow inspect ${quoted(saved.file)}\n`);
  return 0;
}

/** Writes and verifies the model, then the configurations that were beside the old one. */
async function save(
  { words, terminal, signal }: Call,
  grown: GrownModel,
  model: string,
  output: string,
): Promise<Saved & { readonly configs: readonly string[] }> {
  const force = isGiven(words, 'force');
  const configs = await carryConfigs({ model, output, force, change: grown.report });
  try {
    const saved = await grown.save(output, {
      verify: !isGiven(words, 'no-verify'),
      requireProof: isGiven(words, 'require-proof'),
      force,
      externalData: (textOf(words, 'external-data') ?? 'auto') as 'auto' | 'always' | 'never',
      onProgress: (what, done, total) => terminal.progress(what, done, total),
      signal,
      beforeRename: configs.prepare,
    });
    await configs.publish();
    return { ...saved, configs: configs.notes };
  } catch (error) {
    await configs.discard();
    throw withVerifyHint(error);
  }
}

/** Where the comparison cannot run, it can be left out, but never silently. */
function withVerifyHint(error: unknown): unknown {
  if (!(error instanceof GrowError) || !error.code.startsWith('RUNTIME_') || error.hint?.includes('--no-verify') === true) return error;
  return new GrowError(error.code, error.message, {
    ...(error.where === undefined ? {} : { where: error.where }),
    hint: `${error.hint === undefined ? '' : `${error.hint}; or `}--no-verify`,
    cause: error,
  });
}

const rounded = (seconds: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(seconds).map(([name, value]) => [name, Math.round(1000 * value) / 1000]));
