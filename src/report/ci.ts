/** Results as continuous integration shows them: JUnit XML and Markdown. */
import { printable } from './printable.ts';

/** One thing that was judged: an output that was compared, an equality that was to be proved. */
export interface ReportedCase {
  readonly name: string;
  /** Why it failed, in one line; null when it did not. */
  readonly failure: string | null;
  /** Figures and places, one line each. */
  readonly details: readonly string[];
}

/** What a run judged, whatever it was. */
export interface CiReport {
  /** What was run: `grow verify old.onnx new.onnx`. */
  readonly title: string;
  /** The result in one line. */
  readonly summary: string;
  readonly cases: readonly ReportedCase[];
  /** What a reader should know besides. */
  readonly notes: readonly string[];
  readonly seconds: number;
}

/** Formats of reports by the word they are asked for with. */
export const CI_REPORTS: Readonly<Record<'junit' | 'markdown', (report: CiReport) => string>> = { junit: junitReport, markdown: markdownReport };

/** JUnit XML as most servers read it: one suite, a case for each thing that was judged. */
export function junitReport({ title, summary, cases, notes, seconds }: CiReport): string {
  const failures = cases.filter(({ failure }) => failure !== null).length;
  const counts = `tests="${cases.length}" failures="${failures}" errors="0" skipped="0" time="${seconds.toFixed(3)}"`;
  const lines = cases.flatMap(({ name, failure, details }) => {
    const open = `    <testcase classname="${xml(title)}" name="${xml(name)}"`;
    const text = details.map(xml).join('\n');
    if (failure === null) return text === '' ? [`${open}/>`] : [`${open}>`, `      <system-out>${text}</system-out>`, '    </testcase>'];
    return [`${open}>`, `      <failure message="${xml(failure)}">${text}</failure>`, '    </testcase>'];
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="${xml(title)}" ${counts}>`,
    ...lines,
    `    <system-out>${xml([summary, ...notes].join('\n'))}</system-out>`,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

/** Markdown for the summary of a job or a comment: what failed first. */
export function markdownReport({ title, summary, cases, notes, seconds }: CiReport): string {
  const failed = cases.filter(({ failure }) => failure !== null);
  const sorted = [...failed, ...cases.filter(({ failure }) => failure === null)];
  return [
    `### ${failed.length === 0 ? '✅' : '❌'} \`${code(title)}\``,
    '',
    markdown(summary),
    '',
    ...(sorted.length === 0
      ? []
      : [
          '| | what | result |',
          '| --- | --- | --- |',
          ...sorted.map(
            ({ name, failure, details }) =>
              `| ${failure === null ? '✅' : '❌'} | ${markdown(name)} | ${[...(failure === null ? [] : [failure]), ...details].map(markdown).join('<br>')} |`,
          ),
          '',
        ]),
    ...notes.map((note) => `- ${markdown(note)}`),
    ...(notes.length === 0 ? [] : ['']),
    `${cases.length - failed.length} of ${cases.length} passed in ${seconds.toFixed(1)} s`,
    '',
  ].join('\n');
}

/** Text that XML can hold: what a terminal could act on is escaped first. */
const xml = (text: string): string =>
  text.split('\n').map(printable).join('\n').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** Text that means nothing in Markdown nor HTML. */
const markdown = (text: string): string =>
  printable(text).replaceAll(/[\\`*_{}[\]<>()#|~!]/g, (own) => (own === '<' ? '&lt;' : own === '>' ? '&gt;' : `\\${own}`));
const code = (text: string): string => printable(text).replaceAll('`', "'");
