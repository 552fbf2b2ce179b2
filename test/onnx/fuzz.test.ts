import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { GrowError } from '../../src/errors.ts';
import { grow } from '../../src/grow.ts';
import { type Attribute, DataType, type Graph, type Model, type Node } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { inspectModel } from '../../src/report/inspect.ts';
import { fixture } from '../support/command.ts';
import { hunt } from '../support/fuzz/hunt.ts';
import { LONG, SEED } from '../support/long.ts';

const CASES = LONG ? Number(process.env.CASES ?? 100_000) : 300;

describe('damaged and hostile models', () => {
  // the cases run in child processes, which can be ended when they hang, and those run compiled files
  beforeAll(() => {
    const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
    const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.fuzz.json'], { encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  }, 120_000);

  it('are understood or refused: no crash, no hang, no false proof, nothing written elsewhere', { timeout: LONG ? 0 : 300_000 }, async () => {
    let said = 0;
    const found = await hunt(SEED, CASES, (done, { faults }) => {
      // a long run says at once what it finds
      if (LONG && (faults.length > said || done % 10_000 === 0)) console.warn(`${done} cases: ${JSON.stringify(faults.slice(said))}`);
      said = faults.length;
    });
    if (LONG) {
      const { outcomes, ...figures } = found;
      console.warn(`seed ${SEED}: ${JSON.stringify({ ...figures, outcomes: Object.fromEntries([...outcomes].sort((a, b) => b[1] - a[1])) })}`);
    }
    expect(found.faults).toEqual([]);
    expect(found.cases).toBe(CASES);
    // most damage is small enough to be seen by all of the program
    expect(found.passed.read).toBeGreaterThan(0.8 * CASES);
    expect(found.passed.analyse).toBeGreaterThan(0.7 * CASES);
    expect(found.passed.whole).toBeGreaterThan(0.5 * CASES);
  });
});

describe('what it found', () => {
  const paper = readModel(fixture('torchscript_paper'));
  const withGraph = (change: Partial<Graph>): Model => ({ ...paper, graph: { ...paper.graph, ...change } });
  const node = (opType: string, inputs: readonly string[], outputs: readonly string[], attributes: readonly Attribute[] = []): Node => ({
    opType,
    domain: '',
    name: '',
    inputs,
    outputs,
    attributes,
  });
  /** The model with nodes in front of the first one that reads `value`, which then reads `result`. */
  function onEdge(value: string, result: string, ...nodes: readonly Node[]): Model {
    const at = paper.graph.nodes.findIndex((own) => own.inputs.includes(value));
    const reader = paper.graph.nodes[at] as Node;
    const read = { ...reader, inputs: reader.inputs.map((name) => (name === value ? result : name)) };
    return withGraph({ nodes: [...paper.graph.nodes.slice(0, at), ...nodes, read, ...paper.graph.nodes.slice(at + 1)] });
  }
  /** A value that some node makes and another one reads. */
  const inner = paper.graph.nodes.map((own) => own.outputs[0] ?? '').find((name) => paper.graph.nodes.some((own) => own.inputs.includes(name))) ?? '';
  const inputs = (change: (name: string) => string): Model =>
    withGraph({ nodes: paper.graph.nodes.map((own) => ({ ...own, inputs: own.inputs.map(change) })) });

  /** 'ok', or the code of the error of understanding, growing or proving. Anything but a GrowError fails. */
  function outcome(model: Model, step: string): string {
    try {
      const read = readModel(encodeModel(model));
      const { reasons } = inspectModel(read);
      expect(Object.values(reasons).filter((reason) => reason.includes('bug in onnx-grow'))).toEqual([]);
      const broken = (now: Model): string[] => checkModels(read, now).findings.flatMap(({ message }) => (message.includes('broke off') ? [message] : []));
      expect(broken(paper)).toEqual([]);
      expect(broken(readModel(grow(read, step).bytes()))).toEqual([]);
      return 'ok';
    } catch (error) {
      if (error instanceof GrowError) return error.code;
      throw error;
    }
  }

  const ints = (name: string, ...values: readonly number[]) => tensorFromNumbers(name, DataType.INT64, [values.length], values);
  const [firstOutput] = paper.graph.outputs;

  it.each<[string, Model, string, RegExp]>([
    ['nodes that stand twice took minutes and gigabytes', withGraph({ nodes: [...paper.graph.nodes, ...paper.graph.nodes] }), 'layers=+1', /INVALID_MODEL/],
    ['a name with the separator of flat names', inputs((name) => name.replaceAll('_', '\u001f')), 'v=+2', /INVALID_MODEL/],
    [
      'an input without a type',
      withGraph({ inputs: paper.graph.inputs.map((own) => ({ ...own, type: { elemType: 0, dims: [2, 8] } })) }),
      'qk=+2',
      /INVALID_MODEL|UNSUPPORTED|ok/,
    ],
    ['a value that nobody makes', withGraph({ nodes: paper.graph.nodes.slice(1) }), 'layers=+1', /INVALID_MODEL/],
    [
      'an output that is there twice',
      withGraph({ outputs: [...paper.graph.outputs, ...(firstOutput === undefined ? [] : [firstOutput])] }),
      'layers=+1',
      /INVALID_MODEL/,
    ],
    ['an input that is there twice', withGraph({ inputs: [...paper.graph.inputs, ...paper.graph.inputs] }), 'layers=+1', /INVALID_MODEL/],
    [
      'a branch that returns less than its If',
      onEdge(
        inner,
        'joined',
        node('If', [inner], ['joined', 'more'], [{ name: 'then_branch', kind: 'graph', value: { ...paper.graph, nodes: [], outputs: [] } }]),
      ),
      'mlp=x2',
      /INVALID_MODEL/,
    ],
    [
      'floats as the sizes of a Split gave dimensions of 1.09 elements',
      onEdge(inner, 'part', node('Split', [inner, paper.graph.initializers[0]?.name ?? ''], ['part'])),
      'hidden=+4',
      /ok|UNSUPPORTED|ILLEGAL|INVALID/,
    ],
    [
      'a Slice of 2^31 bounds',
      (() => {
        const own = onEdge(inner, 'cut', node('ConstantOfShape', ['many'], ['bounds']), node('Slice', [inner, 'bounds', 'bounds'], ['cut']));
        return { ...own, graph: { ...own.graph, initializers: [...own.graph.initializers, ints('many', 2 ** 31)] } };
      })(),
      'mlp=x2',
      /ok|UNSUPPORTED|ILLEGAL/,
    ],
    [
      'an axis beyond all dimensions',
      onEdge(inner, 'soft', node('Softmax', [inner], ['soft'], [{ name: 'axis', kind: 'int', value: 2 ** 40 }])),
      'heads=+1',
      /ok|UNSUPPORTED|ILLEGAL/,
    ],
    [
      'a norm along a dimension 2^31 before the first',
      onEdge(
        inner,
        'normed',
        node('LayerNormalization', [inner, paper.graph.initializers[0]?.name ?? ''], ['normed'], [{ name: 'axis', kind: 'int', value: -(2 ** 31) }]),
      ),
      'mlp=x2',
      /ok|UNSUPPORTED|ILLEGAL/,
    ],
    ['a Constant that reads an input', onEdge(inner, 'own', node('Constant', [inner], ['own'])), 'layers=+1', /INVALID_MODEL/],
    ['a Constant without a value', onEdge(inner, 'own', node('Constant', [], ['own'])), 'layers=+1', /INVALID_MODEL/],
    [
      'a chain of nodes longer than recursion reaches',
      onEdge(inner, 'chain3999', ...Array.from({ length: 4000 }, (_, i) => node('Neg', [i === 0 ? inner : `chain${i - 1}`], [`chain${i}`]))),
      'hidden=+4',
      /ok|UNSUPPORTED/,
    ],
  ])('%s', (_, model, step, expected) => {
    expect(outcome(model, step)).toMatch(expected);
  });

  it('branches nested 60 deep, whose text grew with every level when it was quoted', () => {
    const condition = tensorFromNumbers('condition', DataType.BOOL, [], [1]);
    let branch = node('Neg', [inner], ['deep0']);
    for (let level = 1; level <= 60; level++) {
      const value: Graph = {
        ...paper.graph,
        name: 'b',
        nodes: [branch],
        initializers: [],
        inputs: [],
        outputs: [{ name: `deep${level - 1}`, type: null }],
        valueInfos: [],
      };
      branch = node(
        'If',
        ['condition'],
        [`deep${level}`],
        [
          { name: 'then_branch', kind: 'graph', value },
          {
            name: 'else_branch',
            kind: 'graph',
            value: { ...value, nodes: [node('Abs', [inner], [`other${level}`])], outputs: [{ name: `other${level}`, type: null }] },
          },
        ],
      );
    }
    const own = onEdge(inner, 'deep60', branch);
    const model = readModel(encodeModel({ ...own, graph: { ...own.graph, initializers: [...own.graph.initializers, condition] } }));
    expect(checkModels(model, model).findings.filter(({ message }) => message.includes('broke off'))).toEqual([]);
  });

  it('branches of two nodes with one name are two branches', () => {
    const condition = tensorFromNumbers('condition', DataType.BOOL, [], [1]);
    const choice = (from: string, to: string): Node => ({
      ...node(
        'If',
        ['condition'],
        [to],
        [
          {
            name: 'then_branch',
            kind: 'graph',
            value: {
              ...paper.graph,
              nodes: [node('Identity', [from], ['t'])],
              initializers: [],
              inputs: [],
              outputs: [{ name: 't', type: null }],
              valueInfos: [],
            },
          },
          {
            name: 'else_branch',
            kind: 'graph',
            value: {
              ...paper.graph,
              nodes: [node('Identity', [from], ['e'])],
              initializers: [],
              inputs: [],
              outputs: [{ name: 'e', type: null }],
              valueInfos: [],
            },
          },
        ],
      ),
      name: 'same',
    });
    const own = onEdge(inner, 'b', choice(inner, 'a'), choice('a', 'b'));
    expect(outcome({ ...own, graph: { ...own.graph, initializers: [...own.graph.initializers, condition] } }, 'mlp=x2')).toBe('ok');
  });
});
