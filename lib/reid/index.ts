/** Re-identification: networks and checkpoints, data, ranking, galleries. */
export * from './models/index.ts';
