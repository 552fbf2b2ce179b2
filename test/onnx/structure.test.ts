import { describe, expect, test } from 'vitest';
import { printModel } from '../../src/onnx/print.ts';
import { readModel } from '../../src/onnx/read.ts';
import { validateModel } from '../../src/onnx/validate.ts';
import { ODD_MODELS } from '../support/odd-models.ts';
import { realModels } from '../support/real-models.ts';
import { addGraph, float, int, modelBytes, msg, type Part } from '../support/wire-bytes.ts';

const node = (op: string, inputs: readonly Part[], outputs: readonly Part[], ...more: readonly Part[]): Uint8Array =>
  msg(1, ...inputs.map((name) => msg(1, name)), ...outputs.map((name) => msg(2, name)), msg(4, op), ...more);
const value = (field: number, name: string): Uint8Array => msg(field, msg(1, name));
const messages = (...graph: readonly Uint8Array[]): readonly string[] =>
  validateModel(readModel(modelBytes(graph))).map(({ where, message }) => `${where}: ${message}`);

describe('validateModel', () => {
  test('finds nothing in real exports', () => {
    for (const file of realModels()) expect(validateModel(readModel(file)), file).toEqual([]);
  });

  test.each<[string, readonly Uint8Array[], readonly string[]]>([
    ['an unknown input', [node('Relu', ['a'], ['b'])], ['graph, node 0 (Relu): input "a" is not defined']],
    [
      'a use before its producer',
      [node('Relu', ['b'], ['c']), node('Relu', ['x'], ['b']), value(11, 'x')],
      ['graph, node 0 (Relu): input "b" is produced later'],
    ],
    ['two producers', [node('Relu', ['x'], ['b']), node('Relu', ['x'], ['b']), value(11, 'x')], ['graph, node 1 (Relu): output "b" is defined before']],
    ['a producer of an input', [node('Relu', ['x'], ['x']), value(11, 'x')], ['graph, node 0 (Relu): output "x" is defined before']],
    ['a missing output', [value(12, 'y')], ['graph: output "y" is never produced']],
    [
      'an attribute twice',
      [node('Op', [], ['y'], msg(5, msg(1, 'a'), int(3, 1)), msg(5, msg(1, 'a'), int(3, 1)))],
      ['graph, node 0 (Op): attribute "a" is there twice'],
    ],
    ['an initializer twice', [msg(5, msg(8, 'w')), msg(5, msg(8, 'w'))], ['graph: initializer "w" is there twice']],
    ['an absent optional input, a default of an input', [node('Op', ['', 'w'], ['', 'y', '']), msg(5, msg(8, 'w')), value(11, 'w'), value(12, 'y')], []],
    [
      'a branch that uses outer values, and one that uses unknown ones',
      [
        value(11, 'x'),
        node(
          'If',
          ['x'],
          ['y'],
          msg(5, msg(1, 'then_branch'), msg(6, node('Relu', ['x'], ['t']), value(12, 't')), int(20, 5)),
          msg(5, msg(1, 'else_branch'), msg(6, node('Relu', ['t'], ['e']), value(12, 'e')), int(20, 5)),
        ),
      ],
      ['graph, node 0 (If), else_branch, node 0 (Relu): input "t" is not defined'],
    ],
  ])('%s', (_name, graph, expected) => {
    expect(messages(...graph)).toEqual(expected);
  });
});

describe('printModel', () => {
  test('one line per node', () => {
    const model = readModel(
      modelBytes(
        addGraph(
          node(
            'Elu',
            ['y', ''],
            ['z'],
            msg(3, 'e'),
            msg(7, 'com.x'),
            msg(5, msg(1, 'alpha'), float(2, 0.5), int(20, 1)),
            msg(5, msg(1, 'name'), msg(4, 'a "b"'), int(20, 3)),
          ),
        ),
      ),
    );
    expect(printModel(model)).toMatchInlineSnapshot(`
      "model ir 8, opset ai.onnx 17
      graph g
        input x: float32[2]
        weight w: float32[2]
        y = Add(x, w)
        z = com.x.Elu(y, _) {alpha=0.5, name="a \\"b\\""}
        output y: float32[2]"
    `);
  });

  test('nothing in it can drive a terminal', () => {
    const evil = '\u001b[2J\u202e\u009b\n';
    const model = readModel(modelBytes([node(evil, [evil], [evil], msg(5, msg(1, evil), msg(4, evil), int(20, 3))), msg(2, evil), value(11, evil)]));
    expect(printModel(model)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    for (const bytes of Object.values(ODD_MODELS)) expect(printModel(readModel(bytes))).toContain('graph');
  });
});
