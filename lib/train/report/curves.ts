import { gridPlot, type Line, linePlot, type PlotSpec, plotSvg } from '../../plot/index.ts';
import type { EpochRecord, RunRecord } from './run-folder.ts';

/** A plot and what it shows. */
export interface Curve {
  readonly label: string;
  readonly spec: PlotSpec;
}

/** Names of figures that people say otherwise. */
const NAMES: Readonly<Record<string, string>> = {
  loss: 'loss',
  top1: 'top-1 accuracy (%)',
  top5: 'top-5 accuracy (%)',
};

/** The learning curves of runs: a plot for each figure, with train and val in it, then rate, speed and waiting. */
export function curvesOf(runs: readonly RunRecord[]): Curve[] {
  const figures = [...new Set(runs.flatMap(({ epochs }) => epochs.flatMap(figuresOf)))];
  const more = [
    curve(runs, 'learning rate', [['', ({ lr }) => lr]]),
    curve(runs, 'images per second', [['', ({ imagesPerSecond }) => imagesPerSecond]]),
    curve(runs, 'time waiting for data (%)', [['', ({ dataShare }) => 100 * dataShare]]),
  ];
  return [
    ...figures.map((name) =>
      curve(runs, NAMES[name] ?? name, [
        ['train', ({ train }) => train[name]],
        ['val', ({ val }) => val[name]],
      ]),
    ),
    ...more,
  ];
}

/** The curves in one drawing, two beside each other. */
export async function curvesSvg(runs: readonly RunRecord[]): Promise<string> {
  const parts = curvesOf(runs).map(({ spec }) => spec);
  return await plotSvg(gridPlot(parts));
}

const figuresOf = ({ train, val }: EpochRecord) => [...Object.keys(train), ...Object.keys(val)];

type Kind = readonly [kind: string, of: (record: EpochRecord) => number | null | undefined];

function curve(runs: readonly RunRecord[], label: string, kinds: readonly Kind[]): Curve {
  const lines: Line[] = runs.flatMap(({ name, epochs }) =>
    kinds.map(([kind, of]) => ({
      name,
      kind,
      points: epochs
        .filter((record) => of(record) !== undefined)
        .map((record) => [record.epoch, of(record) ?? Number.NaN] as const),
    })),
  );
  const used = lines.filter(({ points }) => points.length > 0);
  return { label, spec: linePlot(used, { title: label, x: 'epoch' }) };
}
