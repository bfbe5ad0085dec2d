/** A row of one of the paper's tables: top-1 errors on ImageNet's validation images, in per cent, by condition. */
export interface PublishedRow {
  /** What it is called there. */
  readonly name: string;
  /** Of `VARIANTS`. */
  readonly variant: string;
  readonly errors: Readonly<Record<string, number>>;
}

/** What the paper says of a table's figures: `better` has a lower error, or a lower one of its drops, than `than`. */
export interface Claim {
  readonly text: string;
  readonly better: string;
  readonly than: string;
  /** A condition; with `drop` what is added to the error of `origin` there. */
  readonly condition: string;
  readonly drop?: true;
}

/** A table of the paper. */
export interface PublishedTable {
  readonly title: string;
  readonly rows: readonly PublishedRow[];
  readonly claims: readonly Claim[];
}

const row = (name: string, variant: string, errors: Record<string, number>): PublishedRow => ({
  ...{ name, variant, errors },
});

/** Claims that one variant is better than another under a condition. */
const better = (text: string, one: string, than: string, condition: string, drop?: true): Claim => ({
  ...{ text, better: one, than, condition },
  ...(drop ? { drop } : {}),
});

/** Tables 1, 3, 4 and 5 of arXiv 1807.09441v3. `Monet` are the validation images as CycleGAN paints them. */
export const PAPER_TABLES = {
  table1: {
    title: 'Table 1: appearance transforms',
    rows: [
      row('ResNet50', 'none', {
        ...{ origin: 24.27, 'RGB+50': 28.22, 'R+50': 27.53, 'std x1.5': 40.01, Monet: 54.51 },
      }),
      row('IBN-Net50-a', 'a', {
        ...{ origin: 22.54, 'RGB+50': 25.54, 'R+50': 25.2, 'std x1.5': 35.97, Monet: 51.57 },
      }),
      row('IBN-Net50-b', 'b', {
        ...{ origin: 23.64, 'RGB+50': 23.82, 'R+50': 25.1, 'std x1.5': 23.64, Monet: 50.45 },
      }),
    ],
    claims: [
      better('IBN-a is better on images as they are', 'a', 'none', 'origin'),
      better('IBN-b is better on images as they are', 'b', 'none', 'origin'),
      better('IBN-b loses less by RGB+50 than the plain network', 'b', 'none', 'RGB+50', true),
      better('IBN-b loses less by RGB+50 than IBN-a', 'b', 'a', 'RGB+50', true),
      better('IBN-b loses less by R+50 than the plain network', 'b', 'none', 'R+50', true),
      better('IBN-b loses less by std x1.5 than the plain network', 'b', 'none', 'std x1.5', true),
      better('IBN-a loses less by std x1.5 than the plain network', 'a', 'none', 'std x1.5', true),
      better('IBN-a loses less in another style', 'a', 'none', 'Monet', true),
      better('IBN-b loses less in another style', 'b', 'none', 'Monet', true),
    ],
  },
  table3: {
    title: 'Table 3: blocks',
    rows: [
      row('ResNet50', 'none', { origin: 24.26, Monet: 54.51 }),
      row('IBN-Net50-a', 'a', { origin: 22.54, Monet: 51.57 }),
      row('IBN-Net50-b', 'b', { origin: 23.64, Monet: 50.45 }),
      row('IBN-Net50-c', 'c', { origin: 22.78, Monet: 51.83 }),
      row('IBN-Net50-d', 'd', { origin: 22.86, Monet: 50.8 }),
      row('IBN-Net50-a&d', 'a&d', { origin: 22.89, Monet: 51.27 }),
      row('IBN-Net50-a x2', 'a x2', { origin: 22.81, Monet: 51.95 }),
    ],
    claims: [
      ...['a', 'b', 'c', 'd', 'a&d', 'a x2'].flatMap((name) => [
        better(`${name} is better than the plain network`, name, 'none', 'origin'),
        better(`${name} is better than the plain network in another style`, name, 'none', 'Monet'),
      ]),
      better('d is better than a in another style', 'd', 'a', 'Monet'),
      better('b is the best in another style (than a)', 'b', 'a', 'Monet'),
    ],
  },
  table4: {
    title: 'Table 4: residual groups with IBN',
    rows: [
      row('none', 'groups none', { origin: 24.27 }),
      row('1', 'groups 1', { origin: 23.58 }),
      row('1-2', 'groups 1-2', { origin: 22.94 }),
      row('1-3', 'groups 1-3', { origin: 22.54 }),
      row('1-4', 'groups 1-4', { origin: 22.96 }),
    ],
    claims: [
      better('one group is better than none', 'groups 1', 'groups none', 'origin'),
      better('two groups are better than one', 'groups 1-2', 'groups 1', 'origin'),
      better('three groups are better than two', 'groups 1-3', 'groups 1-2', 'origin'),
      better('three groups are better than four', 'groups 1-3', 'groups 1-4', 'origin'),
    ],
  },
  table5: {
    title: 'Table 5: share of instance normalisation',
    rows: [
      row('0', 'ratio 0', { origin: 24.27 }),
      row('0.25', 'ratio 0.25', { origin: 22.49 }),
      row('0.5', 'ratio 0.5', { origin: 22.54 }),
      row('0.75', 'ratio 0.75', { origin: 23.11 }),
      row('1', 'ratio 1', { origin: 23.44 }),
      row('full', 'ratio full', { origin: 28.56 }),
    ],
    claims: [
      better('a quarter is better than nothing', 'ratio 0.25', 'ratio 0', 'origin'),
      better('a half is better than nothing', 'ratio 0.5', 'ratio 0', 'origin'),
      better('a half is better than three quarters', 'ratio 0.5', 'ratio 0.75', 'origin'),
      better('a half is better than all', 'ratio 0.5', 'ratio 1', 'origin'),
      better('nothing is better than all norms of the network', 'ratio 0', 'ratio full', 'origin'),
    ],
  },
} as const satisfies Readonly<Record<string, PublishedTable>>;
