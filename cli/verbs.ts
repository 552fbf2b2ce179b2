/** The words of the command line: verbs, their options and examples. Plain data, so that help needs nothing else. */

/** An option; without `value` it is a switch. */
export interface Option {
  readonly name: string;
  readonly value?: string;
  readonly short?: string;
  readonly choices?: readonly string[];
  /** May be given several times. */
  readonly repeated?: boolean;
  readonly help: string;
}

export interface Verb {
  readonly name: 'inspect' | 'apply' | 'verify' | 'check';
  /** Positional words; the last one may end in `..`. */
  readonly words: string;
  readonly help: string;
  readonly options: readonly Option[];
  /** Commands that work in a clone of the project, and what they show. */
  readonly examples: readonly (readonly [string, string])[];
}

export const COMMON: readonly Option[] = [
  { name: 'json', help: 'print one JSON document and nothing else on stdout' },
  { name: 'quiet', help: 'no progress' },
  { name: 'no-color', help: 'no colours (also: NO_COLOR)' },
];

const SEED: Option = { name: 'seed', value: 'N', help: 'same seed, same bytes (default 0)' };
const REPORT: Option = { name: 'report', value: 'KIND=FILE', repeated: true, help: 'a report for continuous integration: junit=FILE or markdown=FILE' };

export const VERBS: readonly Verb[] = [
  {
    name: 'inspect',
    words: '<model>',
    help: 'what the model is, what can grow, what cannot and why',
    options: [],
    examples: [['grow inspect fixtures/optimum_gpt2_past.onnx', 'sizes, layers, growable axes']],
  },
  {
    name: 'apply',
    words: '<model> [step..]',
    help: 'grow, verify, then write',
    options: [
      { name: 'output', value: 'FILE', short: 'o', help: 'where the grown model goes' },
      SEED,
      { name: 'dry-run', help: 'plan and report, write nothing' },
      { name: 'no-verify', help: 'write without comparing both models in onnxruntime' },
      { name: 'norm', value: 'FORM', choices: ['auto', 'native', 'old-block'], help: 'how norms over a grown hidden width keep their function (default auto)' },
      { name: 'expose-outputs', help: 'outputs on the hidden axis show the wide state' },
      { name: 'force', help: 'replace the output file if it exists' },
      {
        name: 'external-data',
        value: 'WHERE',
        choices: ['auto', 'always', 'never'],
        help: 'weights in a data file beside the model (default auto: as they were)',
      },
      {
        name: 'scale',
        value: 'HOW',
        choices: ['keep', 'weights'],
        help: 'a score scale of 1/√k when qk grows: the number it was, or the new one and rescaled weights (default keep)',
      },
      {
        name: 'new-layer',
        value: 'HOW',
        choices: ['copy', 'random'],
        help: 'what new layers hold: the weights of their neighbour, or random ones (default copy)',
      },
      { name: 'allow-decompose', help: 'replace fused attention by standard operators where it forbids a size' },
      { name: 'require-proof', help: 'keep the file only if it is proved, not just verified, to compute the same' },
    ],
    examples: [
      ['grow apply fixtures/optimum_gpt2_past.onnx -o bigger.onnx mlp=x2 heads=+2', 'two axes at once'],
      ['grow apply fixtures/dynamo_llama_gqa.onnx -o bigger.onnx hidden=64 "mlp[0]=x1.5" --seed 7', 'a wider stream and one wider layer'],
      ['grow apply fixtures/torchscript_bert_op17.onnx --dry-run qk=+4 v=+4', 'what would happen'],
    ],
  },
  {
    name: 'verify',
    words: '<old> <new>',
    help: 'run both models in onnxruntime and compare: bit-exact, rounding, changed',
    options: [
      { name: 'provider', value: 'NAME', choices: ['cpu', 'webgpu', 'cuda'], help: 'where both models compute (default cpu)' },
      { ...SEED, help: 'same seed, same inputs (default 0)' },
      { name: 'tolerance', value: 'X', help: 'largest max|Δ| / max|y| that counts as rounding, instead of the measured one' },
      { name: 'inputs', value: 'PATH', help: 'run on these inputs as well: a .npz archive, or a folder of .npy or .pb files' },
      REPORT,
    ],
    examples: [['grow verify fixtures/dynamo_gpt2.onnx fixtures/dynamo_gpt2.onnx', 'a model equals itself']],
  },
  {
    name: 'check',
    words: '<old> <new>',
    help: 'prove for all inputs that the new model computes what the old one does',
    options: [REPORT],
    examples: [['grow check fixtures/dynamo_gpt2.onnx fixtures/dynamo_gpt2.onnx', 'a model equals itself']],
  },
];
