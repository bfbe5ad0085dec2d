import { describe, expect, it } from 'vitest';
import { barPlot, gridPlot, linePlot, pageHtml, plotSvg, tableHtml } from '../../lib/plot/index.ts';

const lines = [
  { name: 'a', kind: 'train', points: [[1, 3] as const, [2, 2] as const, [3, 1] as const] },
  { name: 'a', kind: 'val', points: [[1, 3] as const, [2, Number.NaN] as const, [3, 2] as const] },
  { name: 'b & <c>', kind: 'train', points: [[1, 4] as const] },
];
/** The commands of each drawn line. */
const paths = (svg: string) => [
  ...svg.matchAll(
    /aria-roledescription="line mark"[^>]*d="([^"]*)"|d="([^"]*)" aria-label="[^"]*"[^>]*line mark/g,
  ),
];

describe('plots', () => {
  it('are drawn as SVG, with names that are no markup', async () => {
    const svg = await plotSvg(linePlot(lines, { title: 'loss', x: 'epoch' }));
    expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(svg).toContain('>loss</text>');
    expect(svg).toContain('b &amp; &lt;c&gt;');
    expect(svg).not.toContain('NaN');
    expect(paths(svg).length === 0 ? svg.match(/stroke="#(0072B2|D55E00)"/g)?.length : 1).toBeGreaterThan(0);
    expect(svg).not.toMatch(/https?:\/\/(?!www\.w3\.org)/);
  });

  it('are refused where there is no specification', async () => {
    const refused = [null, [], 'bar', () => 1].map((spec) =>
      plotSvg(spec as never).catch((error: Error) => `${error.name}: ${error.message}`),
    );
    expect(await Promise.all(refused)).toEqual(
      ['null', 'an array', '"bar"', 'a function'].map(
        (got) => `TypeError: Expected a specification of vega-lite for plotSvg, got ${got}`,
      ),
    );
    await expect(plotSvg({ nothing: 1 })).rejects.toThrow(
      /^Expected a specification that vega-lite draws for plotSvg, got one it refuses: Invalid specification/,
    );
  });

  it('leave a gap where a value is no number', async () => {
    const one = (y: number) =>
      plotSvg(
        linePlot(
          [
            {
              name: 'a',
              points: [
                [1, 1],
                [2, 2],
                [3, y],
                [4, 2],
                [5, 1],
              ],
            },
          ],
          {},
        ),
      );
    const moves = (svg: string) =>
      Math.max(...[...svg.matchAll(/ d="(M[^"]*)"/g)].map(([, d]) => (d as string).split('M').length - 1));
    const [whole, gap] = [await one(3), await one(Number.NaN)];
    expect(moves(gap)).toBe(moves(whole) + 1);
  });

  it('stand beside each other', async () => {
    const svg = await plotSvg(
      gridPlot([
        linePlot(lines, { title: 'one' }),
        barPlot([{ group: 'g', name: 'n', value: 1 }], { title: 'two' }),
      ]),
    );
    for (const text of ['one', 'two', 'train', 'val']) expect(svg).toContain(`>${text}</text>`);
  });

  it('are part of pages in which text is no markup', () => {
    const page = pageHtml('<script>', [['a & b', tableHtml(['x'], [['<b>'], [3], ['1.5']])]]);
    expect(page).toContain('<title>&lt;script&gt;</title>');
    expect(page).toContain('<h2>a &amp; b</h2>');
    expect(page).toContain('<td>&lt;b&gt;</td>');
    expect(page).toContain('<td class="number">1.5</td>');
  });
});
