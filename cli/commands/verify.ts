import { asJson, COLOURS, PLAIN, type Provider, verify, verifyReport, verifyText } from '../../src/index.ts';
import { positiveNumber, wholeNumber } from '../numbers.ts';
import { quoted } from '../quoted.ts';
import { reportWriter } from '../reports.ts';
import type { Call } from '../run.ts';
import { textOf } from '../words.ts';

/** `grow verify <old> <new>`: exit code 0 when preserved, 1 when changed or inconclusive. */
export async function verifyCommand({ words, terminal, signal }: Call): Promise<number> {
  const report = await reportWriter(words);
  const provider = (textOf(words, 'provider') ?? 'cpu') as Provider;
  const seed = wholeNumber(words, 'seed');
  const inputs = textOf(words, 'inputs');
  const tolerance = positiveNumber(words, 'tolerance');
  const result = await verify(String(words.old), String(words.new), {
    provider,
    ...(seed === null ? {} : { seed }),
    ...(tolerance === null ? {} : { tolerance }),
    ...(inputs === null ? {} : { inputs }),
    signal,
    onProgress: (line) => terminal.progress(line),
  });
  await report(verifyReport(`grow verify ${String(words.old)} ${String(words.new)}`, result));
  terminal.result(terminal.json ? asJson(result) : verifyText(result, terminal.colour ? COLOURS : PLAIN));
  const preserved = result.verdict === 'bit-exact' || result.verdict === 'rounding';
  if (preserved && !terminal.json) terminal.result(`next: grow inspect ${quoted(String(words.new))}\n`);
  return preserved ? 0 : 1;
}
