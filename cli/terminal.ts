/** What this program says and where: results on stdout, everything else on stderr. The only place that writes to them. */

export interface Terminal {
  /** One JSON document is wanted instead of text. */
  readonly json: boolean;
  /** Colours for stdout. */
  readonly colour: boolean;
  /** Colours for stderr. */
  readonly errorColour: boolean;
  /** Writes a result. */
  result(text: string): void;
  /** Writes what goes to people, not to programs. */
  remark(text: string): void;
  /** Shows progress: a line that is overwritten on a terminal, at most ten lines elsewhere, nothing when quiet. */
  progress(what: string, done?: number | null, total?: number | null): void;
  /** Removes the progress line. */
  endProgress(): void;
}

/** Progress lines where nobody watches. */
const MOST_LINES = 10;
const BAR = 24;
/** A terminal line is redrawn no more often than this. Milliseconds. */
const REDRAW = 80;

/** Decides from arguments and environment alone, since errors in the arguments have to be printed, too. */
export function openTerminal(args: readonly string[]): Terminal {
  const json = args.includes('--json');
  const quiet = args.includes('--quiet');
  const wanted = !args.includes('--no-color') && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  const live = process.stderr.isTTY === true && process.env.TERM !== 'dumb';
  // A reader that went away (| head) ends the output, not the program.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  let lines = 0;
  let last = '';
  let drawn = 0;
  const endProgress = (): void => {
    if (live && last !== '') process.stderr.write('\r\u001b[K');
    last = '';
  };
  return {
    json,
    colour: wanted && process.stdout.isTTY === true,
    errorColour: wanted && process.stderr.isTTY === true,
    result: (text) => {
      endProgress();
      process.stdout.write(text);
    },
    remark: (text) => {
      endProgress();
      process.stderr.write(text);
    },
    progress: (what, done = null, total = null) => {
      if (quiet) return;
      if (!live) {
        if (what === last || lines >= MOST_LINES) return;
        last = what;
        lines++;
        process.stderr.write(`${what}\n`);
        return;
      }
      if (Date.now() - drawn < REDRAW && done !== total) return;
      drawn = Date.now();
      last = what;
      process.stderr.write(`\r\u001b[K${what}${done === null || total === null ? '' : ` ${bar(done, total)}`}`);
    },
    endProgress,
  };
}

function bar(done: number, total: number): string {
  const share = total === 0 ? 1 : done / total;
  const full = Math.round(BAR * share);
  return `${'█'.repeat(full)}${'░'.repeat(BAR - full)} ${Math.round(100 * share)} %`;
}
