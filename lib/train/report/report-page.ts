import { type Cell, detailsHtml, figuresHtml, pageHtml, plotSvg, tableHtml } from '../../plot/index.ts';
import { curvesOf } from './curves.ts';
import type { EpochRecord, RunRecord } from './run-folder.ts';

/** One page of HTML that shows runs beside each other; it needs no other file and no network. */
export async function reportPage(runs: readonly RunRecord[], title: string): Promise<string> {
  const named = distinct(runs);
  const figures = [];
  for (const { label, spec } of curvesOf(named)) figures.push({ label, svg: await plotSvg(spec) });
  return pageHtml(title, [
    ['Runs', summaryTable(named)],
    ['Curves', figuresHtml(figures)],
    ['Time', timeTable(named)],
    [
      named.length > 1 ? 'Options that differ' : 'Options',
      ...(named.length > 1
        ? [optionTable(named, true), detailsHtml('All options', optionTable(named, false))]
        : [optionTable(named, false)]),
    ],
    ['Environment', environmentTable(named)],
    ['Epochs', ...named.map((run) => detailsHtml(run.name, epochTable(run)))],
  ]);
}

/** Runs of one name are told apart by their folders. */
function distinct(runs: readonly RunRecord[]): RunRecord[] {
  const isCommon = ({ name }: RunRecord) => runs.filter((run) => run.name === name).length > 1;
  return runs.map((run) => (isCommon(run) ? { ...run, name: run.folder } : run));
}

const digits = (value: number | null | undefined, count: number) =>
  typeof value === 'number' && Number.isFinite(value) ? value.toFixed(count) : '-';

/** The best epoch is the last that was marked as such when it was done. */
function summaryTable(runs: readonly RunRecord[]) {
  return tableHtml(
    ['run', 'network', 'epochs', 'best epoch', 'val top-1', 'val loss', 'train top-1', 'last val top-1'],
    runs.map(({ name, config, epochs }) => {
      const best = epochs.findLast(({ isBest }) => isBest);
      const last = epochs.at(-1);
      const planned = typeof config.epochs === 'number' ? ` of ${config.epochs}` : '';
      return [
        name,
        String(config.model ?? '-'),
        `${epochs.length}${planned}`,
        best === undefined ? '-' : String(best.epoch),
        digits(best?.val.top1, 2),
        digits(best?.val.loss, 4),
        digits(best?.train.top1, 2),
        digits(last?.val.top1, 2),
      ];
    }),
  );
}

/** What the seconds of training went into; evaluation and checkpoints are not in them. */
function timeTable(runs: readonly RunRecord[]) {
  const sum = (epochs: readonly EpochRecord[], of: (record: EpochRecord) => number) =>
    epochs.reduce((total, record) => total + of(record), 0);
  return tableHtml(
    ['run', 'training', 'of it waiting for data', 'of it computing', 'images per second', 'most memory'],
    runs.map(({ name, epochs }) => {
      const seconds = sum(epochs, (record) => record.seconds);
      const waiting = sum(epochs, (record) => record.seconds * record.dataShare);
      const images = sum(epochs, (record) => record.seconds * record.imagesPerSecond);
      const memory = Math.max(...epochs.map(({ memoryMB = 0 }) => memoryMB));
      return [
        name,
        duration(seconds),
        `${duration(waiting)} (${digits((100 * waiting) / seconds, 1)} %)`,
        `${duration(seconds - waiting)} (${digits(100 - (100 * waiting) / seconds, 1)} %)`,
        digits(images / seconds, 1),
        memory > 0 ? `${memory.toFixed(0)} MB` : '-',
      ];
    }),
  );
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  if (seconds < 7200) return `${(seconds / 60).toFixed(1)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

const asText = (value: unknown): Cell =>
  value === undefined ? '-' : typeof value === 'string' ? value : JSON.stringify(value);

function optionTable(runs: readonly RunRecord[], onlyDifferent: boolean) {
  const names = [...new Set(runs.flatMap(({ config }) => Object.keys(config)))];
  const differs = (name: string) => new Set(runs.map(({ config }) => asText(config[name]))).size > 1;
  const shown = names.filter((name) => !onlyDifferent || differs(name));
  return tableHtml(
    ['option', ...runs.map(({ name }) => name)],
    shown.map((name) => [name, ...runs.map(({ config }) => asText(config[name]))]),
  );
}

/** A run that was started several times, on several machines perhaps, has all of them. */
function environmentTable(runs: readonly RunRecord[]) {
  const keys = [
    ...new Set(runs.flatMap(({ environments }) => environments.flatMap((one) => Object.keys(one)))),
  ];
  return tableHtml(
    ['', ...runs.map(({ name }) => name)],
    keys.map((key) => [
      key,
      ...runs.map(({ environments }) =>
        [...new Set(environments.map((one) => String(one[key] ?? '-')))].join(', '),
      ),
    ]),
  );
}

function epochTable({ epochs }: RunRecord) {
  const figures = [
    ...new Set(epochs.flatMap(({ train, val }) => [...Object.keys(train), ...Object.keys(val)])),
  ];
  return tableHtml(
    [
      'epoch',
      'step',
      'rate',
      ...figures.flatMap((name) => [`train ${name}`, `val ${name}`]),
      'images/s',
      'waiting',
    ],
    epochs.map((record) => [
      `${record.epoch}${record.isBest ? ' *' : ''}`,
      record.step,
      String(Number(record.lr.toPrecision(6))),
      ...figures.flatMap((name) => [digits(record.train[name], 4), digits(record.val[name], 4)]),
      digits(record.imagesPerSecond, 1),
      `${digits(100 * record.dataShare, 1)} %`,
    ]),
  );
}
