import { asJson, COLOURS, check, checkText, PLAIN } from '../../src/index.ts';
import { refuseUnavailable } from '../not-available.ts';
import { quoted } from '../quoted.ts';
import type { Call } from '../run.ts';

/** `grow check <old> <new>`: exit code 0 when proved, 1 when not. */
export async function checkCommand({ words, terminal }: Call): Promise<number> {
  refuseUnavailable(words, [['report', null, '--json prints the result as JSON']]);
  terminal.progress('check');
  const result = check(String(words.old), String(words.new));
  terminal.result(terminal.json ? asJson(result) : checkText(result, terminal.colour ? COLOURS : PLAIN));
  if (!result.proved && !terminal.json) terminal.result(`next: grow verify ${quoted(String(words.old))} ${quoted(String(words.new))}\n`);
  return result.proved ? 0 : 1;
}
