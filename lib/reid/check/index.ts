export { type CheckOptions, check } from './check.ts';
export type { CheckReport, Fault, Finding } from './findings.ts';
