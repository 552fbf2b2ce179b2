/** A child process that tries one case after another and tells its parent where it is. */
import { bases } from './bases.ts';
import { caseOf } from './cases.ts';
import { exercise, type Outcome, type Phase } from './exercise.ts';

/** What a worker says: where it is, or how a case ended. */
export type Message =
  | { readonly kind: 'at'; readonly seed: number; readonly phase: Phase }
  | {
      readonly kind: 'end';
      readonly seed: number;
      readonly name: string;
      readonly task: string;
      readonly outcome: Outcome;
      readonly seconds: number;
      readonly megabytes: number;
    };

const tell = (message: Message): Promise<void> => new Promise((resolve) => process.send?.(message, () => resolve()));

// a parent that is killed leaves no worker behind
process.once('disconnect', () => process.exit());

const [first = 0, last = 0] = process.argv.slice(2).map(Number);
const from = bases();
for (let seed = first; seed < last; seed++) {
  const started = process.cpuUsage();
  await tell({ kind: 'at', seed, phase: 'make' });
  const own = caseOf(seed, from);
  const outcome = await exercise(own, (phase) => tell({ kind: 'at', seed, phase }));
  const { user, system } = process.cpuUsage(started);
  const megabytes = process.resourceUsage().maxRSS / 1024;
  await tell({ kind: 'end', seed, name: own.base.name, task: `${own.task} ${own.step}`, outcome, seconds: (user + system) / 1e6, megabytes });
}
process.disconnect();
