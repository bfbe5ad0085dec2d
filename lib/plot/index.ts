export { type Cell, detailsHtml, escapeHtml, figuresHtml, type Html, pageHtml, tableHtml } from './page.ts';
export {
  type Bar,
  barPlot,
  type Dot,
  gridPlot,
  type Line,
  linePlot,
  type PlotOptions,
  type PlotSpec,
  scatterPlot,
} from './plots.ts';
export { plotSvg } from './svg.ts';
