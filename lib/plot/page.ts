/** HTML that may be put into a page as it is. */
export interface Html {
  readonly html: string;
}

/** A cell of a table: text, or HTML. */
export type Cell = string | number | Html;

/** Text in which nothing is markup. */
export function escapeHtml(text: string): string {
  const names: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]/g, (letter) => names[letter] as string);
}

/** A table with a head; numbers stand to the right. */
export function tableHtml(head: readonly string[], rows: readonly (readonly Cell[])[]): Html {
  const line = (cells: readonly Cell[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}${isNumber(cell) ? ' class="number"' : ''}>${inside(cell)}</${tag}>`).join('')}</tr>`;
  const body = rows.map((row) => line(row, 'td')).join('\n');
  return {
    html: `<div class="wide"><table><thead>${line(head, 'th')}</thead>\n<tbody>\n${body}\n</tbody></table></div>`,
  };
}

/** Plots side by side, with what they show for those who cannot see them. */
export function figuresHtml(figures: readonly { readonly svg: string; readonly label: string }[]): Html {
  const each = figures.map(
    ({ svg, label }) =>
      `<figure role="img" aria-label="${escapeHtml(label)}">${svg.replace(/^<\?xml[^>]*>\s*/, '')}</figure>`,
  );
  return { html: `<div class="figures">${each.join('\n')}</div>` };
}

/** Something that is shown when its title is clicked. */
export function detailsHtml(title: string, body: Html): Html {
  return { html: `<details><summary>${escapeHtml(title)}</summary>${body.html}</details>` };
}

/** A page of sections that needs no other file and no network. */
export function pageHtml(
  title: string,
  sections: readonly (readonly [heading: string, ...parts: Html[]])[],
): string {
  const body = sections.map(
    ([heading, ...parts]) =>
      `<section><h2>${escapeHtml(heading)}</h2>\n${parts.map(({ html }) => html).join('\n')}</section>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
${body.join('\n')}
</body>
</html>
`;
}

const STYLE = `
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1b1b; background: #fff; margin: 2rem auto; max-width: 1080px; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; border-bottom: 1px solid #ddd; padding-bottom: .2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } .wide { overflow-x: auto; }
th, td { text-align: left; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid #eee; vertical-align: top; }
th { font-weight: 600; } .number { text-align: right; }
.figures { display: flex; flex-wrap: wrap; gap: 1.2rem; } figure { margin: 0; } figure svg { max-width: 100%; height: auto; }
summary { cursor: pointer; margin: .4rem 0; }
.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .4em; border-radius: 2px; }`;

const isNumber = (cell: Cell) =>
  typeof cell === 'number' || (typeof cell === 'string' && /^[-+]?[\d.,]+( %)?$/.test(cell));
const inside = (cell: Cell) => (typeof cell === 'object' ? cell.html : escapeHtml(String(cell)));
