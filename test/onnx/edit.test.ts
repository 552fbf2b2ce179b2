import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesSource } from '../../src/onnx/byte-source.ts';
import { DataType, type Graph, type Model, type Node, type Tensor } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { ODD_MODELS } from '../support/odd-models.ts';
import { oracle, oracleGraph } from '../support/oracle.ts';
import { addGraph, float, floats, int, join, modelBytes, msg, varints } from '../support/wire-bytes.ts';

const editGraph = (model: Model, change: Partial<Graph>): Model => ({ ...model, graph: { ...model.graph, ...change } });
const first = <T>(list: readonly T[]): T => {
  const [item] = list;
  if (item === undefined) throw new Error('empty list');
  return item;
};

describe('a changed message is its old fields with the changed ones replaced', () => {
  test('a node keeps unknown fields, order and places', () => {
    const node = (input: string): Uint8Array =>
      msg(1, msg(200, 'before'), msg(4, 'Relu'), msg(1, input), int(201, 7), msg(2, 'y'), msg(9, msg(1, 'k'), msg(2, 'v')));
    const bytes = (input: string): Uint8Array => modelBytes([msg(2, 'g'), node(input), msg(99, 'x'), node('other')], msg(300, 'end'));
    const model = readModel(bytes('a'));
    const [one, two] = model.graph.nodes as [Node, Node];
    const changed = editGraph(model, { nodes: [{ ...one, inputs: ['renamed'] }, two] });
    // The list is written as a whole where its first element stood.
    expect(encodeModel(changed)).toEqual(modelBytes([msg(2, 'g'), node('renamed'), node('other'), msg(99, 'x')], msg(300, 'end')));
  });

  test('a repeated singular field is replaced once and its copies go', () => {
    const model = readModel(join(msg(2, 'p1'), int(1, 8), msg(2, 'p2'), msg(7, msg(2, 'a')), msg(7, msg(2, 'b')), msg(4, 'domain')));
    const changed = { ...model, producerName: 'p3', graph: { ...model.graph, name: 'c' } };
    expect(encodeModel(changed)).toEqual(join(msg(2, 'p3'), int(1, 8), msg(7, msg(2, 'c')), msg(4, 'domain')));
  });

  test('a field that was absent comes last, an emptied one goes', () => {
    const model = readModel(modelBytes([msg(1, msg(3, 'n'), msg(4, 'Relu'))]));
    const node = first(model.graph.nodes);
    const bytes = encodeModel(editGraph(model, { nodes: [{ ...node, name: '', domain: 'd' }] }));
    expect(bytes).toEqual(modelBytes([msg(1, msg(4, 'Relu'), msg(7, 'd'))]));
  });

  test('a declared shape keeps denotations and what it does not say', () => {
    const info = (size: Uint8Array): Uint8Array =>
      msg(
        11,
        msg(1, 'x'),
        msg(2, msg(6, 'IMAGE'), msg(1, int(1, 1), msg(2, msg(1, msg(3, 'BATCH'), msg(2, 'n')), msg(1, size, msg(3, 'CHANNEL')), msg(1, msg(3, 'ANY'))))),
        msg(4, 'meta'),
      );
    const model = readModel(modelBytes([info(int(1, 4))]));
    const input = first(model.graph.inputs);
    expect(input.type).toEqual({ elemType: 1, dims: ['n', 4, null] });
    const changed = editGraph(model, { inputs: [{ ...input, type: { elemType: 1, dims: ['n', 6, null] } }] });
    expect(encodeModel(changed)).toEqual(modelBytes([info(int(1, 6))]));
  });

  test('a changed tensor is raw_data; name, doc and metadata stay', () => {
    const tensor = msg(5, int(1, 3), int(2, 1), msg(8, 'w'), msg(4, floats([1, 2])), float(4, 3), msg(12, 'doc'), msg(16, 'meta'), msg(99, 'new'));
    const model = readModel(modelBytes([tensor]));
    const old = first(model.graph.initializers);
    expect([...readNumbers(old)]).toEqual([1, 2, 3]);
    const grown: Tensor = { ...old, dims: [4], data: bytesSource(floats([1, 2, 3, 0])) };
    const bytes = encodeModel(editGraph(model, { initializers: [grown] }));
    expect(bytes).toEqual(
      modelBytes([msg(5, int(1, 4), int(2, 1), msg(8, 'w'), msg(9, floats([1, 2, 3, 0])), msg(12, 'doc'), msg(16, 'meta'), msg(99, 'new'))]),
    );
    expect(Uint8Array.from(first(oracleGraph(bytes).initializer ?? []).rawData ?? [])).toEqual(floats([1, 2, 3, 0]));
  });

  test('an attribute changes its value, its kind, or only its name', () => {
    const node = (...attribute: readonly Uint8Array[]): Uint8Array => modelBytes([msg(1, msg(4, 'Op'), msg(5, ...attribute))]);
    const model = readModel(node(msg(1, 'a'), msg(13, 'doc'), msg(8, varints([1, 2])), int(20, 7)));
    const old = first(model.graph.nodes);
    const write = (attributes: Node['attributes']): Uint8Array => encodeModel(editGraph(model, { nodes: [{ ...old, attributes }] }));
    const attribute = first(old.attributes);
    const { origin } = attribute;
    if (origin === undefined) throw new Error('no origin');
    expect(write([{ name: 'a', kind: 'ints', value: [1, 3], origin }])).toEqual(node(msg(1, 'a'), msg(13, 'doc'), int(8, 1), int(8, 3), int(20, 7)));
    expect(write([{ name: 'a', kind: 'float', value: 0.5, origin }])).toEqual(node(msg(1, 'a'), msg(13, 'doc'), float(2, 0.5), int(20, 1)));
    expect(write([{ ...attribute, name: 'b' }])).toEqual(node(msg(1, 'b'), msg(13, 'doc'), msg(8, varints([1, 2])), int(20, 7)));
  });

  test('clamped integers in a changed list go back to what they stood for', () => {
    const model = readModel(modelBytes([msg(1, msg(5, msg(1, 'ends'), int(8, 2n ** 63n - 1n), int(8, 5), int(20, 7)))]));
    const node = first(model.graph.nodes);
    const attribute = first(node.attributes);
    if (attribute.kind !== 'ints') throw new Error('not ints');
    expect(attribute.value).toEqual([Number.MAX_SAFE_INTEGER, 5]);
    const changed = editGraph(model, { nodes: [{ ...node, attributes: [{ ...attribute, value: [Number.MAX_SAFE_INTEGER, 6] }] }] });
    expect(encodeModel(changed)).toEqual(modelBytes([msg(1, msg(5, msg(1, 'ends'), int(8, 2n ** 63n - 1n), int(8, 6), int(20, 7)))]));
  });

  test.each(Object.entries(ODD_MODELS))('renaming every node keeps everything else: %s', (_name, bytes) => {
    const model = readModel(bytes);
    const rename = (node: Node): Node => ({ ...node, name: `${node.name}!` });
    const back = readModel(encodeModel(editGraph(model, { nodes: model.graph.nodes.map(rename) })));
    const undo = (node: Node): Node => ({ ...node, name: node.name.slice(0, -1) });
    const undone = readModel(encodeModel(editGraph(back, { nodes: back.graph.nodes.map(undo) })));
    expect(undone.graph.nodes.map((node) => node.name)).toEqual(model.graph.nodes.map((node) => node.name));
    expect(fieldBag(encodeModel(back)).filter((text) => text === 'kept')).toEqual(fieldBag(bytes).filter((text) => text === 'kept'));
  });
});

/** The places of the word that odd models carry in unknown fields. */
function fieldBag(bytes: Uint8Array): readonly string[] {
  return Buffer.from(bytes).toString('latin1').match(/kept/g) ?? [];
}

describe('new objects', () => {
  test('are what onnx-proto decodes', () => {
    const graph: Graph = {
      name: 'new',
      nodes: [
        {
          opType: 'Fused',
          domain: 'com.microsoft',
          name: 'n',
          inputs: ['x', '', 'w'],
          outputs: ['y'],
          attributes: [
            { name: 'f', kind: 'float', value: 0.5 },
            { name: 'i', kind: 'int', value: -3 },
            { name: 's', kind: 'string', value: 'text é' },
            { name: 't', kind: 'tensor', value: tensorFromNumbers('', DataType.INT64, [2], [1, -1]) },
            { name: 'fs', kind: 'floats', value: [0, 1.5] },
            { name: 'is', kind: 'ints', value: [0, -1, 2 ** 40] },
            { name: 'ss', kind: 'strings', value: ['', 'b'] },
          ],
        },
      ],
      initializers: [tensorFromNumbers('w', DataType.FLOAT16, [2, 1], [1, 0.5])],
      sparseInitializers: [],
      inputs: [{ name: 'x', type: { elemType: 1, dims: ['batch', 3, null] } }],
      outputs: [{ name: 'y', type: { elemType: 1, dims: null } }],
      valueInfos: [{ name: 'z', type: null }],
    };
    const bytes = encodeModel({
      irVersion: 8,
      opsetImports: [
        { domain: '', version: 17 },
        { domain: 'com.microsoft', version: 1 },
      ],
      producerName: 'p',
      producerVersion: '1',
      graph,
      functions: [],
      metadata: [{ key: 'k', value: 'v' }],
    });
    const seen = JSON.parse(JSON.stringify(oracle(bytes))) as unknown;
    expect(seen).toMatchObject({
      irVersion: '8',
      opsetImport: [{ version: '17' }, { domain: 'com.microsoft', version: '1' }],
      producerName: 'p',
      producerVersion: '1',
      metadataProps: [{ key: 'k', value: 'v' }],
      graph: {
        name: 'new',
        node: [
          {
            opType: 'Fused',
            domain: 'com.microsoft',
            name: 'n',
            input: ['x', '', 'w'],
            output: ['y'],
            attribute: [
              { name: 'f', f: 0.5, type: 'FLOAT' },
              { name: 'i', i: '-3', type: 'INT' },
              { name: 's', s: Buffer.from('text é').toString('base64'), type: 'STRING' },
              { name: 't', t: { dims: ['2'], dataType: 7, rawData: Buffer.from(new BigInt64Array([1n, -1n]).buffer).toString('base64') }, type: 'TENSOR' },
              { name: 'fs', floats: [0, 1.5], type: 'FLOATS' },
              { name: 'is', ints: ['0', '-1', '1099511627776'], type: 'INTS' },
              { name: 'ss', strings: ['', 'Yg=='], type: 'STRINGS' },
            ],
          },
        ],
        initializer: [{ name: 'w', dims: ['2', '1'], dataType: 10, rawData: Buffer.from([0, 0x3c, 0, 0x38]).toString('base64') }],
        input: [{ name: 'x', type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: 'batch' }, { dimValue: '3' }, {}] } } } }],
        output: [{ name: 'y', type: { tensorType: { elemType: 1 } } }],
        valueInfo: [{ name: 'z' }],
      },
    });
    expect(readModel(bytes).graph.nodes[0]).toMatchObject({ inputs: ['x', '', 'w'] });
  });

  test('properties: any text and any safe integer comes back', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), fc.array(fc.maxSafeInteger()), fc.array(fc.float({ noNaN: true })), (inputs, ints, values) => {
        const model = readModel(modelBytes(addGraph()));
        const node: Node = {
          opType: 'Op',
          domain: '',
          name: '',
          inputs,
          outputs: [],
          attributes: [
            { name: 'i', kind: 'ints', value: ints },
            { name: 'f', kind: 'floats', value: values },
          ],
        };
        const bytes = encodeModel(editGraph(model, { nodes: [node] }));
        const seen = oracleGraph(bytes).node?.[0];
        expect(seen?.input).toEqual(inputs);
        expect(seen?.attribute?.[1]?.floats ?? []).toEqual(values);
        expect(readModel(bytes).graph.nodes[0]).toMatchObject({ inputs, attributes: [{ value: ints }, { value: values }] });
      }),
    );
  });
});
