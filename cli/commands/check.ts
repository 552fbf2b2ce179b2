import { asJson, COLOURS, check, checkReport, checkText, PLAIN } from '../../src/index.ts';
import { quoted } from '../quoted.ts';
import { reportWriter } from '../reports.ts';
import type { Call } from '../run.ts';

/** `grow check <old> <new>`: exit code 0 when proved, 1 when not. */
export async function checkCommand({ words, terminal }: Call): Promise<number> {
  const report = await reportWriter(words);
  terminal.progress('check');
  const result = check(String(words.old), String(words.new));
  await report(checkReport(`grow check ${String(words.old)} ${String(words.new)}`, result));
  terminal.result(terminal.json ? asJson(result) : checkText(result, terminal.colour ? COLOURS : PLAIN));
  if (!result.proved && !terminal.json) terminal.result(`next: grow verify ${quoted(String(words.old))} ${quoted(String(words.new))}\n`);
  return result.proved ? 0 : 1;
}
