/** Signals that end a run: everything temporary is removed first. */

export interface Interruption {
  readonly signal: AbortSignal;
  /** 130 or 143 once a signal came, else null. */
  exitCode(): number | null;
  /** Stops listening. */
  end(): void;
}

const CODES: Readonly<Partial<Record<NodeJS.Signals, number>>> = { SIGINT: 130, SIGTERM: 143 };

/** Listens for Ctrl-C and SIGTERM. A second one ends the program at once. */
export function listenForInterruption(): Interruption {
  const controller = new AbortController();
  let code: number | null = null;
  const stop = (signal: NodeJS.Signals): void => {
    if (code !== null) process.exit(code);
    code = CODES[signal] ?? 130;
    controller.abort(new Error(`stopped by ${signal}`));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return {
    signal: controller.signal,
    exitCode: () => code,
    end: () => {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
    },
  };
}
