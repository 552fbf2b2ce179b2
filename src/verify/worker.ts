/** Entry of the child process: one request in, stages and one answer out. */
import { GrowError } from '../errors.ts';
import type { Request } from './conclude.ts';
import { judge } from './judge.ts';
import type { Answer } from './messages.ts';

const send = (answer: Answer): void => {
  process.send?.(answer);
};

process.once('message', (request: Request) => {
  judge(request, (stage) => send({ kind: 'stage', stage }))
    .then((judgement) => send({ kind: 'judgement', judgement }))
    .catch((error: unknown) => {
      if (error instanceof GrowError) send({ kind: 'failure', code: error.code, message: error.message, where: error.where, hint: error.hint });
      else send({ kind: 'bug', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    })
    .finally(() => process.disconnect());
});
// The parent died: nobody waits for the answer.
process.once('disconnect', () => process.exit());
