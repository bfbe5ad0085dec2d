export { type Cell, detailsHtml, escapeHtml, figuresHtml, type Html, pageHtml, tableHtml } from './page.ts';
export {
  type Bar,
  barPlot,
  gridPlot,
  type Line,
  linePlot,
  type PlotOptions,
  type PlotSpec,
} from './plots.ts';
export { plotSvg } from './svg.ts';
