/** Adapting networks to a domain without labels. */
export { type AdaBnOptions, type AdaBnResult, adaBn } from './ada-bn.ts';
export type { Batch, Batches } from './batches.ts';
export { entropy } from './entropy.ts';
export { Guard, type GuardOptions, type Judged, type Verdict } from './guard.ts';
export { MeanTeacher, type MeanTeacherOptions, type TeacherBatch, type TeacherLoss } from './mean-teacher.ts';
export { Tent, type TentOptions } from './tent.ts';
export { forwardAtTestTime, type TestTimeOptions } from './test-time.ts';
