/** A specification of vega-lite. */
export type PlotSpec = Readonly<Record<string, unknown>>;

/** What all plots have. */
export interface PlotOptions {
  readonly title?: string | undefined;
  /** Names of the axes. Default none. */
  readonly x?: string;
  readonly y?: string;
  /** Pixels of the plot itself. Default 420 and 240. */
  readonly width?: number;
  readonly height?: number;
  /** Lines over the logarithm of x, which then need not be whole. Default false. */
  readonly logX?: boolean;
}

/** A point of a plane. */
export interface Dot {
  readonly x: number;
  readonly y: number;
  /** Dots of one name have one colour. */
  readonly name: string;
  /** Dots of one kind have one shape. */
  readonly kind?: string | undefined;
}

/** A line: its points, and which line of which group it is. */
export interface Line {
  /** Lines of one name have one colour. */
  readonly name: string;
  /** Lines of one kind have one dash, such as train and val. */
  readonly kind?: string | undefined;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** A bar of a group of bars. */
export interface Bar {
  readonly group: string;
  readonly name: string;
  readonly value: number;
}

// Okabe and Ito's colours, which people tell apart who see fewer; yellow is too light for lines.
const COLOURS = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#56B4E9', '#E69F00', '#000000'];

/** Below the plot: others fit beside it. */
const LEGEND = {
  orient: 'bottom',
  direction: 'horizontal',
  columns: 4,
  symbolType: 'stroke',
  symbolSize: 300,
};

/** Symbols of a legend whose lines have many colours. */
const BLACK = { symbols: { update: { stroke: { value: 'black' }, strokeWidth: { value: 1.5 } } } };

function frame({ title, width = 420, height = 240 }: PlotOptions): Record<string, unknown> {
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    ...(title === undefined ? {} : { title: { text: title, anchor: 'start', fontSize: 13 } }),
    width,
    height,
    background: 'white',
    config: { view: { stroke: null }, range: { category: COLOURS }, font: 'sans-serif' },
  };
}

/** Curves over a number, such as the loss over epochs. Values that are no finite numbers leave gaps. */
export function linePlot(lines: readonly Line[], options: PlotOptions): PlotSpec {
  const values = lines.flatMap(({ name, kind = '', points }) =>
    points.map(([x, y]) => ({ name, kind, x, y: Number.isFinite(y) ? y : null })),
  );
  const kinds = [...new Set(lines.map(({ kind = '' }) => kind))];
  const names = [...new Set(lines.map(({ name }) => name))];
  const isLone = values.length <= lines.length;
  return {
    ...frame(options),
    data: { values },
    mark: {
      type: 'line',
      point: isLone ? true : { size: 12 },
      strokeWidth: 1.5,
      invalid: 'break-paths-show-domains',
    },
    encoding: {
      x: {
        field: 'x',
        type: 'quantitative',
        title: options.x ?? null,
        ...(options.logX
          ? { scale: { type: 'log' }, axis: { grid: false, format: '~e', tickCount: 5 } }
          : { axis: { grid: false, tickMinStep: 1, format: 'd' } }),
      },
      y: {
        field: 'y',
        type: 'quantitative',
        title: options.y ?? null,
        scale: { zero: false },
        axis: { gridOpacity: 0.4 },
      },
      color: {
        field: 'name',
        type: 'nominal',
        sort: names,
        title: null,
        legend: names.length > 1 ? LEGEND : null,
      },
      strokeDash: {
        field: 'kind',
        type: 'nominal',
        sort: kinds,
        title: null,
        legend: kinds.length > 1 ? { ...LEGEND, encode: BLACK } : null,
      },
    },
  };
}

/** Dots in a plane whose axes say nothing, such as images by the principal components of their features. */
export function scatterPlot(dots: readonly Dot[], options: PlotOptions): PlotSpec {
  const [names, kinds] = [
    [...new Set(dots.map(({ name }) => name))],
    [...new Set(dots.map(({ kind = '' }) => kind))],
  ];
  const axis = (field: 'x' | 'y') => ({
    field,
    type: 'quantitative',
    title: options[field] ?? null,
    scale: { zero: false },
    axis: { grid: false, labels: false, ticks: false },
  });
  return {
    ...frame(options),
    data: { values: dots },
    mark: { type: 'point', filled: true, size: 34, opacity: 0.75 },
    encoding: {
      x: axis('x'),
      y: axis('y'),
      color: {
        field: 'name',
        type: 'nominal',
        sort: names,
        title: null,
        legend: { ...LEGEND, symbolType: 'circle', symbolSize: 60 },
      },
      shape: {
        field: 'kind',
        type: 'nominal',
        sort: kinds,
        title: null,
        legend: kinds.length > 1 && kinds.length <= 12 ? { ...LEGEND, symbolSize: 60 } : null,
      },
    },
  };
}

/** Groups of bars side by side, such as the errors of several networks under several conditions. */
export function barPlot(bars: readonly Bar[], options: PlotOptions): PlotSpec {
  const names = [...new Set(bars.map(({ name }) => name))];
  return {
    ...frame(options),
    width: { step: Math.max(12, Math.min(40, 480 / Math.max(1, bars.length))) },
    data: { values: bars },
    mark: 'bar',
    encoding: {
      x: {
        field: 'group',
        type: 'nominal',
        sort: null,
        scale: { paddingInner: 0.3 },
        title: options.x ?? null,
        axis: { labelAngle: -30 },
      },
      xOffset: { field: 'name', type: 'nominal', sort: names },
      y: { field: 'value', type: 'quantitative', title: options.y ?? null, axis: { gridOpacity: 0.4 } },
      color: {
        field: 'name',
        type: 'nominal',
        sort: names,
        title: null,
        legend: names.length > 1 ? { ...LEGEND, symbolType: 'square', symbolSize: 100 } : null,
      },
    },
  };
}

/** Plots in rows of two, each with scales and a legend of its own. */
export function gridPlot(plots: readonly PlotSpec[]): PlotSpec {
  const [first] = plots;
  const parts = plots.map(({ $schema: _, background: __, config: ___, ...rest }) => rest);
  return {
    $schema: first?.$schema,
    background: 'white',
    config: first?.config,
    columns: 2,
    concat: parts,
    resolve: { scale: { color: 'independent', strokeDash: 'independent' } },
  };
}
