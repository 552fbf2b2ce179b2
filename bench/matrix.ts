/** `npm run matrix -- [folder or files…] [--tasks mlp,qk] [--lanes 2] [--json cells.jsonl]`: Markdown on stdout. */
import { appendFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { matrixMarkdown, modelsIn, runMatrix, TASKS } from './matrix-cells.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { tasks: { type: 'string' }, lanes: { type: 'string', default: '2' }, json: { type: 'string' } },
});
const files = (positionals.length === 0 ? ['fixtures'] : positionals).flatMap(modelsIn);
const wanted = values.tasks?.split(',');
const tasks = TASKS.filter((task) => wanted?.includes(task.name) ?? true);
if (values.json !== undefined) writeFileSync(values.json, '');

let done = 0;
const cells = await runMatrix(files, tasks, Number(values.lanes), (cell) => {
  done++;
  if (values.json !== undefined) appendFileSync(values.json, `${JSON.stringify(cell)}\n`);
  if (cell.outcome === 'changed' || cell.outcome === 'failed') console.error(`${cell.model} ${cell.task}: ${cell.outcome} ${cell.note}`);
  else if (done % 50 === 0) console.error(`${done} of ${files.length * tasks.length} cells`);
});
console.log(matrixMarkdown(cells));
if (cells.some((cell) => cell.outcome === 'changed' || cell.outcome === 'failed')) process.exitCode = 1;
