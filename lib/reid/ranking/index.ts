export type { Metric } from './distance-rows.ts';
export {
  evaluateRanking,
  type QueryResult,
  type RankingInputs,
  type RankingLabels,
  type RankingOptions,
  type RankingResult,
  rankQueries,
} from './evaluate-ranking.ts';
export type { Features } from './features.ts';
export type { Labels } from './labels.ts';
export { aqe, type QueryExpansionOptions } from './query-expansion.ts';
export { type RerankDistancesOptions, type RerankOptions, rerank, rerankDistances } from './rerank.ts';
export { type RocOptions, type RocPoint, type RocResult, roc } from './roc.ts';
export { evaluateVehicleId, type VehicleIdProtocol } from './vehicle-id.ts';
