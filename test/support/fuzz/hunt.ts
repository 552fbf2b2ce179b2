/** Runs cases in child processes, each watched: what hangs or eats the memory is ended and written down, and the next case begins. */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { LESS_OPTIMISED } from '../v8-options.ts';
import type { Outcome } from './exercise.ts';
import type { Message } from './worker.ts';

/** Something that must not be. */
export interface Fault {
  readonly seed: number;
  readonly what: string;
}

/** What a run of many cases came to. */
export interface Hunt {
  readonly cases: number;
  readonly faults: readonly Fault[];
  /** How often which task ended how. */
  readonly outcomes: ReadonlyMap<string, number>;
  /** How many cases got past reading, past analysis, and through what they were for. */
  readonly passed: Readonly<Record<'read' | 'analyse' | 'whole', number>>;
  readonly slowest: { readonly seed: number; readonly seconds: number };
  readonly megabytes: number;
  readonly seconds: number;
}

/** What a case may take: processor seconds and resident MB. The runtime that models are compared in is not ours and not counted. */
const LONGEST = 5;
const LARGEST = 1500;
const OPTIONS = [`--max-old-space-size=${LARGEST}`, ...LESS_OPTIMISED];
const WORKER = path.resolve('.tmp/fuzz/test/support/fuzz/worker.js');

/** Tries the cases of `count` seeds from `first`. `onProgress` is told after every case. */
export async function hunt(first: number, count: number, onProgress: (done: number, hunt: Hunt) => void = () => {}): Promise<Hunt> {
  const started = performance.now();
  const faults: Fault[] = [];
  const outcomes = new Map<string, number>();
  const passed = { read: 0, analyse: 0, whole: 0 };
  let [next, slowest, megabytes] = [first, { seed: first, seconds: 0 }, 0];
  const state = (): Hunt => ({ cases: next - first, faults, outcomes, passed, slowest, megabytes, seconds: (performance.now() - started) / 1000 });
  const took = (message: Extract<Message, { kind: 'end' }>): void => {
    const { seed, outcome, seconds } = message;
    next = seed + 1;
    count_(outcomes, `${message.task.split(' ')[0]}: ${outcome.reached === 'make' ? 'read' : outcome.reached} ${outcome.code}`);
    if (outcome.reached !== 'make') passed.read++;
    if (outcome.reached !== 'make' && outcome.reached !== 'read') passed.analyse++;
    if (isWhole(outcome)) passed.whole++;
    if (outcome.wrong !== null) faults.push({ seed, what: `${message.name}, ${message.task}: ${outcome.wrong}` });
    else if (seconds > LONGEST && !outcome.code.includes('same') && !outcome.code.includes('runtime'))
      faults.push({ seed, what: `${message.name}, ${message.task}: took ${seconds.toFixed(1)} s` });
    if (seconds > slowest.seconds) slowest = { seed, seconds };
    megabytes = Math.max(megabytes, message.megabytes);
    onProgress(next - first, state());
  };
  while (next < first + count) {
    const end = await watched(next, first + count, took);
    if (end === null) continue;
    if (end.at.phase !== 'runtime') faults.push({ seed: end.at.seed, what: `${end.why} in ${end.at.phase}` });
    next = end.at.seed + 1;
  }
  return state();
}

const count_ = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1);

const isWhole = ({ reached, code }: Outcome): boolean =>
  reached === 'grow' || reached === 'check' || reached === 'inspect' || (reached === 'command' && code === 'exit 0');

/** One child process over a range of seeds; null when it came to its end, else where it was ended and why. */
function watched(
  from: number,
  to: number,
  took: (message: Extract<Message, { kind: 'end' }>) => void,
): Promise<{ readonly at: { readonly seed: number; readonly phase: string }; readonly why: string } | null> {
  return new Promise((resolve, reject) => {
    const child = fork(WORKER, [String(from), String(to)], { execArgv: OPTIONS, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let at = { seed: from, phase: 'make' };
    let [begun, finished, why, said] = [processorSeconds(child.pid), false, '', ''];
    child.stderr?.on('data', (chunk: Buffer) => {
      said = `${said}${chunk.toString()}`.slice(-2000);
    });
    child.on('message', (message: Message) => {
      if (message.kind === 'end') took(message);
      else at = { seed: message.seed, phase: message.phase };
      begun = processorSeconds(child.pid);
      finished = message.kind === 'end' && message.seed === to - 1;
    });
    const timer = setInterval(() => {
      const taken = processorSeconds(child.pid) - begun;
      if (taken <= (at.phase === 'make' ? 20 : LONGEST + 1)) return;
      why = `a hang of more than ${LONGEST} s`;
      child.kill('SIGKILL');
    }, 500);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearInterval(timer);
      resolve(finished ? null : { at, why: why === '' ? `the process ended with ${signal ?? code}: ${said}` : why });
    });
  });
}

/** Processor time a process has used; 0 where the system does not say. */
function processorSeconds(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}
