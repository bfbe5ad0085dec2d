import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { report } from '../../lib/cli/report/report.ts';
import { readRun, reportPage } from '../../lib/train/index.ts';
import { tmp } from '../helpers/files.ts';

/** The folder of a run, as the command writes it. */
function run(root: string, name: string, lr: number, tops: number[], more = ''): string {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true });
  const records = tops.map((top1, i) => ({
    epoch: i + 1,
    step: 10 * (i + 1),
    lr,
    train: { loss: 2 / (i + 1), top1: top1 / 2 },
    val: { loss: i === 1 ? null : 1.5 / (i + 1), top1 },
    isBest: tops.slice(0, i).every((before) => before < top1),
    seconds: 10,
    imagesPerSecond: 40,
    dataShare: 0.25,
  }));
  writeFileSync(
    join(folder, 'metrics.jsonl'),
    records.map((one) => `${JSON.stringify(one)}\n`).join('') + more,
  );
  writeFileSync(
    join(folder, 'config.yaml'),
    `# a comment\nmodel: ${name}_net\nepochs: 3\nlr: ${lr}\nbatchSize: 40\n`,
  );
  writeFileSync(
    join(folder, 'environment.jsonl'),
    '{"fromEpoch":1,"processor":"one"}\n{"fromEpoch":2,"processor":"two"}\n',
  );
  return folder;
}

const cells = (page: string, row: string) =>
  [
    ...(page.match(new RegExp(`<tr><td>${row}</td>.*?</tr>`))?.[0] ?? '').matchAll(/<td[^>]*>(.*?)<\/td>/g),
  ].map(([, text]) => text);

describe('a report', () => {
  it('shows best epochs, time, and the options that differ', async () => {
    const root = tmp();
    const folders = [run(root, 'plain', 0.1, [50, 70, 60]), run(root, 'ibn', 0.05, [40, 80])];
    const page = await reportPage(
      [await readRun(folders[0] as string), await readRun(folders[1] as string)],
      'both',
    );
    expect(cells(page, 'plain')).toEqual([
      'plain',
      'plain_net',
      '3 of 3',
      '2',
      '70.00',
      '-',
      '35.00',
      '60.00',
    ]);
    expect(cells(page, 'ibn').slice(2, 5)).toEqual(['2 of 3', '2', '80.00']);
    expect(page).toContain(
      '<td>30.0 s</td><td>7.5 s (25.0 %)</td><td>22.5 s (75.0 %)</td><td class="number">40.0</td>',
    );
    expect(cells(page, 'lr')).toEqual(['lr', '0.1', '0.05']);
    expect(page.match(/<td>batchSize<\/td>/g)).toHaveLength(1); // among all options only
    expect(page).toContain('<td>one, two</td>');
    expect(page.match(/<svg /g)).toHaveLength(5);
    expect(page).not.toMatch(/(src|href)=|https?:\/\/(?!www\.w3\.org)/);
  });

  it('tells runs of one name apart, and passes over a line that a killed process left unfinished', async () => {
    const root = tmp();
    const folders = [run(root, 'a/run', 0.1, [50], '{"epoch": 2, "st'), run(root, 'b/run', 0.2, [60])];
    let printed = '';
    const output = join(root, 'page.html');
    await report(folders, { output }, { write: (text) => (printed += text) });
    expect(printed).toBe(`${output}\n`);
    const page = readFileSync(output, 'utf8');
    for (const folder of folders) expect(page).toContain(`<td>${folder}</td>`);
  });

  it('refuses what is no run', async () => {
    const root = tmp();
    await expect(readRun(root)).rejects.toThrow(
      `Expected the folder of a run, with metrics.jsonl in it, got ${root}`,
    );
    await expect(readRun(join(root, 'no'))).rejects.toThrow('which is not there');
    const folder = run(root, 'odd', 1, [1], '{"epoch": "x"}\n');
    await expect(readRun(folder)).rejects.toThrow('Expected what a run logs in line 2 of');
    await expect(readRun(3 as never)).rejects.toThrow('Expected a folder for readRun, got 3');
  });
});
