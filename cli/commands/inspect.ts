import { asJson, COLOURS, inspect, inspectionText, PLAIN } from '../../src/index.ts';
import { quoted } from '../quoted.ts';
import type { Call } from '../run.ts';

/** `grow inspect <model>`. */
export async function inspectCommand({ words, terminal }: Call): Promise<number> {
  const file = String(words.model);
  const inspection = inspect(file);
  if (terminal.json) {
    terminal.result(asJson(inspection));
    return 0;
  }
  terminal.result(inspectionText(inspection, terminal.colour ? COLOURS : PLAIN));
  const axis = Object.entries(inspection.growable).find(([, can]) => can)?.[0];
  if (axis !== undefined) terminal.result(`next: grow apply ${quoted(file)} -o bigger.onnx ${axis}=${axis === 'layers' ? '+1' : 'x2'}\n`);
  return 0;
}
