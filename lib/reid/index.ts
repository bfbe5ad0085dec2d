/** Re-identification: networks and checkpoints, data, ranking, galleries. */
export * from './check/index.ts';
export * from './data/index.ts';
export * from './gallery/index.ts';
export * from './losses/index.ts';
export * from './models/index.ts';
export * from './ranking/index.ts';
export * from './report/index.ts';
export * from './samplers/index.ts';
export * from './solver/index.ts';
export * from './training/index.ts';
export * from './transforms/index.ts';
