/** Help, made of the plain data of the verbs. */
import { COMMON, type Option, VERBS, type Verb } from './verbs.ts';

const EXIT_CODES =
  'Exit codes: 0 preserved · 1 changed, inconclusive or not proved · 2 usage · 3 bad input file · 4 unsupported · 5 disk, memory, runtime · 70 bug · 130, 143 stopped';

/** Help on all verbs. */
export function generalHelp(): string {
  const verbs = columns(VERBS.map((verb) => [`grow ${verb.name} ${verb.words}`, verb.help]));
  const examples = VERBS.flatMap((verb) => verb.examples.slice(0, 1).map(([command]) => `  ${command}`));
  return paragraphs(
    'Makes transformers stored as ONNX bigger without changing what they compute.',
    verbs,
    `Examples:\n${examples.join('\n')}`,
    'grow <verb> --help shows options; grow apply --help shows what can grow.',
    EXIT_CODES,
  );
}

/** Help on one verb. Lines about steps stand behind the options. */
export function verbHelp(verb: Verb, steps: readonly string[]): string {
  const options = columns([...verb.options, ...COMMON].map((option) => [optionText(option), option.help]));
  const examples = verb.examples.flatMap(([command, meaning]) => [`  # ${meaning}`, `  ${command}`]);
  return paragraphs(
    `grow ${verb.name} ${verb.words}\n${verb.help}`,
    `Options:\n${options}`,
    ...(steps.length === 0 ? [] : [steps.join('\n')]),
    ...(examples.length === 0 ? [] : [`Examples:\n${examples.join('\n')}`]),
  );
}

/** Help on steps: the axes of the library's registry, sizes and selectors. */
export function stepHelp(transforms: readonly { readonly axis: string; readonly summary: string; readonly theorem: string }[]): readonly string[] {
  return [
    'Steps are axis[selector]=size and apply in the order given.',
    columns(transforms.map(({ axis, summary, theorem }) => [axis, `${summary} (theorem ${theorem})`])),
    '  sizes      128 · +16 · x1.5 (rounded up to a legal size)',
    '  selectors  mlp[3] · heads[0,2,5-7] · qk[-1] · heads[2.cross] · mlp[decoder]',
    '  places     layers=+2 · layers=+1@after:5 · layers=+1@before:0',
  ];
}

function optionText(option: Option): string {
  const short = option.short === undefined ? '' : `-${option.short}, `;
  const value = option.choices?.join('|') ?? option.value;
  return `${short}--${option.name}${value === undefined ? '' : ` ${value}`}`;
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n');
}

const paragraphs = (...parts: readonly string[]): string => `${parts.join('\n\n')}\n`;
