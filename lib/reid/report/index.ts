export type { ReportImages } from './input.ts';
export { type ReidReportOptions, reportPage } from './report-page.ts';
