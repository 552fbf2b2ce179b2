import { expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { buildTransformer, PLAIN } from '../support/architecture.ts';
import { grownBy, reread, withNumbers } from '../support/grown-model.ts';

test('a new layer is proved where its zeros are a matrix of more elements than are held, and only while all are zero', () => {
  const old = reread(buildTransformer({ ...PLAIN, layers: 1, hidden: 280, mlp: 300 }));
  const { model } = grownBy(old, ['layers=+1']);
  expect(checkModels(old, reread(model)).findings).toEqual([]);
  const zeros = model.graph.initializers.find(
    ({ dims, data }) => dims.join() === '300,280' && Buffer.from(data.read(0, data.size)).every((byte) => byte === 0),
  );
  expect(zeros).toBeDefined();
  const damaged = withNumbers(model, zeros?.name ?? '', (numbers) => {
    numbers[numbers.length - 1] = 1e-3;
  });
  expect(checkModels(old, reread(damaged)).proved).toBe(false);
});
