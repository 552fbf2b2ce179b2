import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CiReport, junitReport, markdownReport } from '../../src/report/ci.ts';
import { fixture, runJson } from '../support/command.ts';
import { edited, mapWeight, saved } from '../support/proto-model.ts';
import { temporaryFolder } from '../support/temp-folder.ts';

const REPORT: CiReport = {
  title: 'grow check old.onnx new.onnx',
  summary: 'not proved: 1 finding',
  cases: [
    { name: 'layers.3/mlp', failure: 'MatMul sums over 64 new elements & "more"', details: ['node <a|b>'] },
    { name: 'logits\u001b[31m', failure: null, details: [] },
  ],
  notes: ['assumes finite activations'],
  seconds: 1.25,
};

describe('reports for continuous integration', () => {
  it('JUnit escapes what XML and terminals act on', () => {
    expect(junitReport(REPORT)).toBe(
      [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<testsuites tests="2" failures="1" errors="0" skipped="0" time="1.250">',
        '  <testsuite name="grow check old.onnx new.onnx" tests="2" failures="1" errors="0" skipped="0" time="1.250">',
        '    <testcase classname="grow check old.onnx new.onnx" name="layers.3/mlp">',
        '      <failure message="MatMul sums over 64 new elements &amp; &quot;more&quot;">node &lt;a|b&gt;</failure>',
        '    </testcase>',
        '    <testcase classname="grow check old.onnx new.onnx" name="logits\\u001b[31m"/>',
        '    <system-out>not proved: 1 finding\nassumes finite activations</system-out>',
        '  </testsuite>',
        '</testsuites>',
        '',
      ].join('\n'),
    );
  });

  it('Markdown shows failures first and keeps names from meaning anything', () => {
    const lines = markdownReport(REPORT).split('\n');
    expect(lines[0]).toBe('### ❌ `grow check old.onnx new.onnx`');
    expect(lines).toContain('| ❌ | layers.3/mlp | MatMul sums over 64 new elements & "more"<br>node &lt;a\\|b&gt; |');
    expect(lines.at(-2)).toBe('1 of 2 passed in 1.3 s');
  });

  it('are written by verify, also when the function changed', async () => {
    const folder = temporaryFolder();
    const old = fixture('torchscript_paper');
    const other = saved(
      folder,
      'other.onnx',
      edited(old, (model) => mapWeight(model, model.graph?.node?.at(-1)?.input?.[1] ?? '', (value, i) => (i === 5 ? value * 1.1 : value))),
    );
    const options = ['--report', `junit=${path.join(folder, 'v.xml')}`, '--report', `markdown=${path.join(folder, 'v.md')}`];
    expect((await runJson(['verify', old, other, ...options])).code).toBe(1);
    const [xml, text] = ['v.xml', 'v.md'].map((name) => readFileSync(path.join(folder, name), 'utf8'));
    expect(xml).toContain('name="the function is preserved">\n      <failure message="output');
    expect(xml).toContain('first difference: ');
    expect(text).toMatch(/^### ❌ `grow verify /);
    expect((await runJson(['verify', old, old, ...options])).code).toBe(0);
    expect(readFileSync(path.join(folder, 'v.xml'), 'utf8')).toContain('failures="0"');
  });

  it('are written by check', async () => {
    const [old, file] = [fixture('torchscript_paper'), path.join(temporaryFolder(), 'c.xml')];
    expect((await runJson(['check', old, old, '--report', `junit=${file}`])).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toContain('name="the outputs are equal for all inputs"/>');
    expect((await runJson(['check', old, fixture('dynamo_paper'), '--report', `junit=${file}`])).code).toBe(1);
    expect(readFileSync(file, 'utf8')).toContain('<failure message="not proved');
  });

  it('need a folder to be written to', async () => {
    const old = fixture('torchscript_paper');
    expect(await runJson(['verify', old, old, '--report', 'junit=/no/such/folder/x.xml'])).toMatchObject({ code: 5, document: { error: { code: 'IO' } } });
  });
});
