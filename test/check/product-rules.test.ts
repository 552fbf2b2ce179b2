/** Sums of products, grown in each dimension that they have: with the right zeros proved, with each fault not. */
import { describeGrowths } from '../support/growths.ts';
import type { Grown, Growth } from '../support/leaves.ts';

const FRONT = [0, -1, 1];
const TWO_NEW = [0, -1, 1, -1];
const BEHIND = [0, 1, 2, -1];

type Cases = Readonly<Record<string, Grown>>;
type Growths = Readonly<Record<string, Growth>>;

/** h with m elements between two weights. */
const grown = (before: string, after: string, leaf = 'm'): Growths => ({
  'zeros behind': { places: { [leaf]: FRONT }, zeros: { [after]: leaf } },
  'zeros in front': { places: { [leaf]: FRONT }, zeros: { [before]: leaf } },
  'one on each side': { places: { [leaf]: TWO_NEW }, zeros: { [before]: `${leaf}:1`, [after]: `${leaf}:3` } },
  'not where one is zero on neither side': { places: { [leaf]: TWO_NEW }, zeros: { [before]: `${leaf}:1`, [after]: `${leaf}:1` } },
});

const MATRICES: Cases = {
  'two matrices': {
    lines: 'MatMul(x, wa) -> h;MatMul(h, wb) -> y',
    weights: { wa: '4 m', wb: 'm 3' },
    sizes: { m: 2 },
    grown: grown('wa', 'wb'),
    faults: { 'more in between': ['MatMul(h, wb)', 'Relu(h) -> g;MatMul(g, wb)'], 'the other operand first': ['MatMul(h, wb)', 'MatMul(h, wa)'] },
  },
  'a factor that another weight makes good': {
    lines: 'MatMul(x, wa) -> h;Mul(h, whalf) -> g;MatMul(g, wb) -> y',
    weights: { wa: '4 m', whalf: '1', wb: 'm 3' },
    sizes: { m: 2 },
    grown: {
      // true, but unknown: no power of two makes it the old product
      'not in the first matrix': { places: { m: FRONT }, zeros: { wb: 'm' }, factors: { wa: 2, whalf: 0.5 } },
      'in the second matrix': { places: { m: FRONT }, zeros: { wb: 'm' }, factors: { wb: 4, whalf: 0.25 } },
      'not where it is another': { places: { m: FRONT }, zeros: { wb: 'm' }, factors: { wb: 4, whalf: 0.5 } },
      'not where nothing makes it good': { places: {}, factors: { wb: 2 } },
    },
    faults: { 'without the factor': ['Mul(h, whalf)', 'Identity(h)'] },
  },
  'one matrix for two products': {
    lines: 'MatMul(x, wa) -> h;MatMul(x, wc) -> k;Mul(h, k) -> g;MatMul(g, wb) -> y',
    weights: { wa: '4 m', wc: '4 m', wb: 'm 3' },
    sizes: { m: 2 },
    grown: {
      'zeros behind': { places: { m: FRONT }, zeros: { wb: 'm' } },
      'zeros in one': { places: { m: FRONT }, zeros: { wa: 'm' } },
      'one in each': { places: { m: TWO_NEW }, zeros: { wa: 'm:1', wc: 'm:3' } },
      'not without': { places: { m: FRONT } },
    },
    faults: {
      'one of them twice': ['MatMul(x, wc)', 'MatMul(x, wa)'],
      exchanged: ['MatMul(x, wa) -> h;MatMul(x, wc) -> k', 'MatMul(x, wc) -> h;MatMul(x, wa) -> k'],
    },
  },
  'a matrix in front': {
    lines: 'Transpose(x) perm=[0,2,1] -> t;MatMul(wa, t) -> h;MatMul(wb, h) -> y',
    weights: { wa: 'm 4', wb: '3 m' },
    sizes: { m: 2 },
    grown: grown('wa', 'wb'),
  },
  'a vector': {
    lines: 'MatMul(x, wa) -> h;MatMul(h, wv) -> y',
    weights: { wa: '4 m', wv: 'm' },
    sizes: { m: 2 },
    grown: grown('wa', 'wv'),
  },
  'a stack of matrices': {
    lines: 'Unsqueeze(x, [1]) -> u;MatMul(u, wa) -> h;MatMul(h, wb) -> z;ReduceSum(z, [1]) keepdims=0 -> y',
    weights: { wa: 'E 4 m', wb: 'E m 3' },
    sizes: { m: 2, E: 2 },
    grown: {
      ...grown('wa', 'wb'),
      'more of them': { places: { E: FRONT }, zeros: { wb: 'E' } },
      'more of them, zero in front': { places: { E: FRONT }, zeros: { wa: 'E' } },
      'both, zeros behind': { places: { E: [0, 1, -1], m: [0, 1, -1] }, zeros: { wb: 'E m' } },
      // true, but unknown: places are sought in one dimension at a time
      'not both, new ones in between': { places: { E: FRONT, m: FRONT }, zeros: { wb: 'E m' } },
      'not with values in a new one': { places: { E: [0, 1, -1], m: [0, 1, -1] }, zeros: { wb: 'm' } },
    },
  },
  'data with data': {
    lines: 'MatMul(x, wa) -> h;MatMul(x, wb) -> g;Transpose(g) perm=[0,2,1] -> t;MatMul(h, t) -> y',
    weights: { wa: '4 m', wb: '4 m' },
    sizes: { m: 2 },
    grown: grown('wa', 'wb'),
    faults: { exchanged: ['MatMul(h, t)', 'MatMul(g, t)'], 'not moved': ['perm=[0,2,1]', 'perm=[0,1,2]'] },
  },
  'data of which nothing is known': {
    lines: 'MatMul(x, wa) -> h;MatMul(h, wb) -> y',
    weights: { wa: '4 m', wb: 'm 3', wn: '4 m', wz: '4' },
    sizes: { m: 3 },
    grown: {
      'that adds nothing': {
        places: { m: BEHIND },
        zeros: { wb: 'm' },
        lines: ['MatMul(h, wb) -> y', 'Exp(h) -> e;MatMul(e, wb) -> f;Sub(f, f) -> z;MatMul(h, wb) -> g;Add(g, z) -> y'],
      },
      'not where it adds something': { places: {}, lines: ['MatMul(h, wb) -> y', 'Exp(h) -> e;MatMul(e, wb) -> f;MatMul(h, wb) -> g;Add(g, f) -> y'] },
    },
  },
  'a layer more that ends in zeros': {
    lines: 'MatMul(x, wa) -> y',
    weights: { wa: '4 4', wn: '4 m', wz: 'm 4' },
    sizes: { m: 0 },
    grown: {
      'of matrices': { places: { m: [-1, -1] }, zeros: { wz: 'm' }, lines: ['-> y', '-> s;MatMul(s, wn) -> h;MatMul(h, wz) -> z;Add(s, z) -> y'] },
      'of matrices with a function between': {
        places: { m: [-1, -1] },
        zeros: { wz: 'm' },
        lines: ['-> y', '-> s;MatMul(s, wn) -> h;Exp(h) -> e;MatMul(e, wz) -> z;Add(s, z) -> y'],
      },
      'of Gemm': {
        places: { m: [-1, -1] },
        zeros: { wz: 'm' },
        lines: ['-> y', '-> s;MatMul(s, wn) -> h;Squeeze(h, [0]) -> e;Gemm(e, wz) alpha=0.5 -> f;Unsqueeze(f, [0]) -> z;Add(s, z) -> y'],
      },
      'not where it does not end in zeros': { places: { m: [-1, -1] }, lines: ['-> y', '-> s;MatMul(s, wn) -> h;MatMul(h, wz) -> z;Add(s, z) -> y'] },
    },
  },
};

const flat = (lines: string): string => `Reshape(x, [3,4]) -> r;${lines};Unsqueeze(o, [0]) -> y`;

const GEMM: Cases = {
  'with a bias': {
    lines: flat('Gemm(r, wa, wc) alpha=0.5 beta=0.25 -> h;Gemm(h, wb, wd) -> o'),
    weights: { wa: '4 m', wc: 'm', wb: 'm 3', wd: '3' },
    sizes: { m: 2 },
    grown: {
      'zeros behind': { places: { m: FRONT }, zeros: { wb: 'm' } },
      'zeros in front': { places: { m: FRONT }, zeros: { wa: 'm', wc: 'm' } },
    },
    faults: {
      'another alpha': ['alpha=0.5', 'alpha=0.75'],
      'another beta': ['beta=0.25', 'beta=0.5'],
      'no alpha': ['alpha=0.5 ', ''],
      'no beta': [' beta=0.25', ''],
      'no bias': ['(h, wb, wd)', '(h, wb)'],
    },
  },
  'of transposed matrices': {
    lines: flat('Transpose(r) perm=[1,0] -> t;Gemm(t, wa) transA=1 transB=1 -> h;Gemm(h, wb) transB=1 -> o'),
    weights: { wa: 'm 4', wb: '3 m' },
    sizes: { m: 2 },
    grown: grown('wa', 'wb'),
  },
  'with a bias that is a matrix': {
    lines: flat('Gemm(r, wa, wc) -> h;Gemm(h, wb) -> o'),
    weights: { wa: '4 m', wc: '3 m', wb: 'm 3' },
    sizes: { m: 2 },
    grown: {
      'zeros behind': { places: { m: FRONT }, zeros: { wb: 'm' } },
      'zeros in front': { places: { m: FRONT }, zeros: { wa: 'm', wc: 'm' } },
    },
  },
  'square and transposed in one of both': {
    lines: flat('Gemm(r, ws) transB=1 -> h;Gemm(h, wb) -> o'),
    weights: { ws: '4 4', wb: '4 3' },
    sizes: {},
    grown: { 'as it was': { places: {} } },
    faults: { 'the other way around': ['transB=1', 'transB=0'] },
  },
};

const EINSUM: Cases = {
  'heads and widths': {
    lines:
      'Einsum(x, wq) equation=bsd,dhk->bshk -> q;Einsum(x, wk) equation=bsd,dhk->bshk -> k;Einsum(q, k) equation=bshk,bthk->bhst -> s;Softmax(s) axis=3 -> p;Einsum(p, wv) equation=bhst,tdh->bsdh -> c;Einsum(c, wo) equation=bsdh,dhm->bsm -> y',
    weights: { wq: '4 E k', wk: '4 E k', wv: '3 v E', wo: 'v E 4' },
    sizes: { E: 2, k: 2, v: 2 },
    grown: {
      heads: { places: { E: FRONT }, zeros: { wo: 'E' } },
      'keys of zeros': { places: { k: FRONT }, zeros: { wk: 'k' } },
      'queries of zeros': { places: { k: FRONT }, zeros: { wq: 'k' } },
      values: { places: { v: FRONT }, zeros: { wo: 'v' } },
      'values of zeros': { places: { v: FRONT }, zeros: { wv: 'v' } },
      'all at once': { places: { E: [0, 1, -1], k: [0, 1, -1], v: [0, 1, -1] }, zeros: { wk: 'k', wo: 'E v' } },
      'not with heads that are read': { places: { E: FRONT, v: FRONT }, zeros: { wo: 'v' } },
      'not where only two new ones meet zeros': { places: { E: FRONT, v: FRONT }, zeros: { wv: 'v' } },
    },
    faults: {
      'another letter': ['bshk,bthk->bhst', 'bthk,bshk->bhst'],
      'keys of queries': ['Einsum(q, k)', 'Einsum(q, q)'],
      'along queries': ['axis=3', 'axis=2'],
    },
  },
  'of three operands': {
    lines: 'MatMul(x, wa) -> h;Einsum(h, wb, wv) equation=btm,mo,m->bto -> y',
    weights: { wa: '4 m', wb: 'm 3', wv: 'm' },
    sizes: { m: 2 },
    grown: {
      'zeros in front': { places: { m: FRONT }, zeros: { wa: 'm' } },
      'not zeros in the third alone': { places: { m: FRONT }, zeros: { wv: 'm' } },
      'zeros in the second': { places: { m: FRONT }, zeros: { wb: 'm' } },
      'not without zeros': { places: { m: FRONT } },
    },
  },
  'of one operand that is summed': {
    lines: 'MatMul(x, wa) -> h;Einsum(h) equation=btm->bt -> y',
    weights: { wa: '4 m' },
    sizes: { m: 2 },
    grown: {
      'not although new ones are zero': { places: { m: FRONT }, zeros: { wa: 'm' } },
      'not of others': { places: { m: FRONT } },
      'as it was': { places: {} },
    },
  },
  'a product of each with each': {
    lines: 'MatMul(x, wa) -> h;Einsum(h, h) equation=btm,btn->bmn -> g;Einsum(g, wb) equation=bmn,mno->bo -> y',
    weights: { wa: '4 m', wb: 'm m 2' },
    sizes: { m: 2 },
    grown: {
      'zeros behind': { places: { m: FRONT }, zeros: { wb: 'm' } },
      'zeros in front': { places: { m: FRONT }, zeros: { wa: 'm' } },
      'not without zeros': { places: { m: FRONT } },
    },
  },
  'with dots': {
    lines: 'MatMul(x, wa) -> h;Einsum(h, wb) equation=...m,mo->...o -> y',
    weights: { wa: '4 m', wb: 'm 3' },
    sizes: { m: 2 },
    grown: grown('wa', 'wb'),
  },
};

const CONV: Cases = {
  'channels between two': {
    lines: 'Transpose(x) perm=[0,2,1] -> t;Conv(t, wa, wc) kernel_shape=[2] pads=[1,0] -> h;Conv(h, wb, wd) kernel_shape=[2] dilations=[2] pads=[1,1] -> y',
    weights: { wa: 'm 4 2', wc: 'm', wb: '3 m 2', wd: '3' },
    sizes: { m: 2 },
    grown: {
      'zeros behind': { places: { m: FRONT }, zeros: { wb: 'm' } },
      'zeros in front': { places: { m: FRONT }, zeros: { wa: 'm', wc: 'm' } },
      'not with a bias of zeros': { places: { m: FRONT }, zeros: { wc: 'm' } },
      'one on each side': { places: { m: TWO_NEW }, zeros: { wa: 'm:1', wc: 'm:1', wb: 'm:3' } },
    },
    faults: {
      'other edges': ['pads=[1,0]', 'pads=[0,1]'],
      'other steps': ['kernel_shape=[2] pads=[1,0]', 'kernel_shape=[2] strides=[1] pads=[2,-1]'],
      'nearer elements': ['dilations=[2] pads=[1,1]', 'dilations=[1] pads=[1,0]'],
      'without a bias': ['(h, wb, wd)', '(h, wb)'],
      'without the first bias': ['(t, wa, wc)', '(t, wa)'],
      'another bias': ['(t, wa, wc)', '(t, wa, wd)'],
    },
  },
  'of each channel': {
    lines: 'MatMul(x, wa) -> h;Transpose(h) perm=[0,2,1] -> t;Conv(t, wc, wd) kernel_shape=[2] pads=[1,0] group={m} -> u;Conv(u, wb) kernel_shape=[1] -> y',
    weights: { wa: '4 m', wc: 'm 1 2', wd: 'm', wb: '3 m 1' },
    sizes: { m: 2 },
    grown: {
      'zeros behind': { places: { m: FRONT }, zeros: { wb: 'm' } },
      'zeros in front': { places: { m: FRONT }, zeros: { wa: 'm', wd: 'm' } },
      'zeros between': { places: { m: FRONT }, zeros: { wc: 'm', wd: 'm' } },
      'not with a bias': { places: { m: FRONT }, zeros: { wa: 'm' } },
      'one on each side': { places: { m: TWO_NEW }, zeros: { wa: 'm:1', wd: 'm:1', wb: 'm:3' } },
    },
    faults: { 'other edges': ['pads=[1,0]', 'pads=[0,1]'], 'without a bias': ['(t, wc, wd)', '(t, wc)'] },
  },
  'two results of each channel': {
    lines: 'MatMul(x, wa) -> h;Transpose(h) perm=[0,2,1] -> t;Conv(t, wc) kernel_shape=[1] group={m} -> u;Conv(u, wb) kernel_shape=[1] -> y',
    weights: { wa: '4 m', wc: 'm.2 1 1', wb: '3 m.2 1' },
    sizes: { m: 2 },
    grown: { 'not unlike, though zeros stand behind': { places: { m: FRONT }, zeros: { wb: 'm' } }, 'as it was': { places: {} } },
  },
  'in two groups': {
    lines: 'Transpose(x) perm=[0,2,1] -> t;Conv(t, wc) kernel_shape=[1] group=2 -> u;Conv(u, wb) kernel_shape=[1] -> y',
    weights: { wc: 'g.m 2 1', wb: '3 g.m 1' },
    sizes: { g: 2, m: 2 },
    grown: {
      // true, but unknown: groups are compared as they are
      'not with more in each': { places: { m: [0, 1, -1] }, zeros: { wb: 'm' } },
      'as it was': { places: {} },
      'not without zeros': { places: { m: [0, 1, -1] } },
    },
    faults: { 'in other groups': ['group=2', 'group=1'] },
  },
  'over two dimensions': {
    lines: 'Unsqueeze(x, [1]) -> i4;Conv(i4, wa, wc) kernel_shape=[2,2] strides=[1,2] -> h;Conv(h, wb) kernel_shape=[1,1] -> y',
    weights: { wa: 'm 1 2 2', wc: 'm', wb: '3 m 1 1' },
    sizes: { m: 2 },
    grown: {
      'zeros behind': { places: { m: FRONT }, zeros: { wb: 'm' } },
      'zeros in front': { places: { m: FRONT }, zeros: { wa: 'm', wc: 'm' } },
    },
    faults: { 'other steps': ['strides=[1,2]', 'strides=[1,1] pads=[0,0,0,-1]'] },
  },
  'of zeros is its bias': {
    lines: 'Transpose(x) perm=[0,2,1] -> t;Sub(t, t) -> z;Conv(z, wa, wc) kernel_shape=[2] -> h;Conv(h, wb) kernel_shape=[1] -> y',
    weights: { wa: 'm 4 2', wc: 'm', wb: '3 m 1' },
    sizes: { m: 2 },
    grown: {
      'as it was': { places: {} },
      'with more channels': { places: { m: FRONT }, zeros: { wb: 'm' } },
    },
    faults: { 'without a bias': ['(z, wa, wc)', '(z, wa)'] },
  },
};

describeGrowths({ matrices: MATRICES, Gemm: GEMM, Einsum: EINSUM, Conv: CONV });
