/** The parent's side of the child process. A runtime that crashes, hangs or runs out of memory takes only the child with it. */
import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { assert, GrowError } from '../errors.ts';
import type { Judgement, Request } from './conclude.ts';
import type { Answer, Stage } from './messages.ts';
import type { Provider } from './runtime.ts';

/** How the child process ended: with a judgement, or without a word while doing `stage`. */
type Ending = { readonly kind: 'judgement'; readonly judgement: Judgement } | { readonly kind: 'crash'; readonly stage: Stage | null; readonly how: string };

/** As much of the child's stderr as helps. */
const LAST_WORDS = 400;

/** Seconds the child may take, who is told what it does, and what stops it. */
interface Watch {
  readonly seconds: number;
  readonly onStage: (stage: Stage) => void;
  readonly signal: AbortSignal | undefined;
}

/**
 * Judges two models in a child process of its own. A crash is a result, since the caller may try again.
 * Throws GrowError RUNTIME_FAILED when `seconds` are over, the signal's reason when it stops the run, and what the child throws.
 */
export function judgeInChild(request: Request, { seconds, onStage, signal }: Watch): Promise<Ending> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const child = fork(workerPath(), [], { serialization: 'advanced', execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let stage: Stage | null = null;
    let words = '';
    let answered = false;
    const timer = setTimeout(() => {
      answered = true;
      child.kill('SIGKILL');
      reject(tooSlow(seconds, stage));
    }, 1000 * seconds);
    const stop = (): void => {
      answered = true;
      child.kill('SIGKILL');
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', stop, { once: true });
    child.stderr?.on('data', (text: Buffer) => {
      words = (words + text.toString()).slice(-LAST_WORDS);
    });
    child.on('message', (answer: Answer) => {
      if (answer.kind === 'stage') {
        stage = answer.stage;
        onStage(answer.stage);
        return;
      }
      answered = true;
      if (answer.kind === 'judgement') resolve(answer);
      else if (answer.kind === 'bug') reject(new Error(answer.message));
      else
        reject(
          new GrowError(answer.code, answer.message, {
            ...(answer.where === undefined ? {} : { where: answer.where }),
            ...(answer.hint === undefined ? {} : { hint: answer.hint }),
          }),
        );
    });
    child.once('error', reject);
    child.once('close', (code, killedBy) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      if (!answered) resolve({ kind: 'crash', stage, how: [killedBy ?? `exit code ${code}`, words.trim()].filter((part) => part !== '').join(': ') });
    });
    child.send(request);
  });
}

const GIGABYTE = 2 ** 30;

/** Seconds that a comparison may take: two minutes on the CPU, ten elsewhere, and a minute more for each gigabyte of weights. */
export const timeLimit = (provider: Provider, bytes: number): number => (provider === 'cpu' ? 120 : 600) + (60 * bytes) / GIGABYTE;

function tooSlow(seconds: number, stage: Stage | null): GrowError {
  const doing = stage === null ? 'starting' : stage.what;
  return new GrowError('RUNTIME_FAILED', `the comparison took more than ${seconds} s (it was ${doing})`, { hint: 'a longer time limit, or --no-verify' });
}

/** The child's program: beside this file once compiled, else the compiled one, since a child process reads no TypeScript. */
function workerPath(): string {
  const own = import.meta.url;
  const path = fileURLToPath(new URL(own.endsWith('.ts') ? '../../dist/src/verify/worker.js' : 'worker.js', own));
  assert(existsSync(path), `${path} is missing: npm run build makes it`);
  return path;
}
