import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { packageRoot } from '../../libtorch/find/package-root.ts';
import { describeRoute } from '../http/describe.ts';

const FILES: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'app.js': 'text/javascript; charset=utf-8',
  'style.css': 'text/css; charset=utf-8',
};

/** Nothing from elsewhere; images of entries and of the query are made by the page itself. */
const POLICY =
  "default-src 'self'; img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

/** The page in the browser at `/ui/`; `/` leads there. It asks for the token by itself. */
export function addPage(app: FastifyInstance): void {
  const schema = describeRoute({ summary: 'The page in the browser', isOpen: true });
  const folder = join(packageRoot, 'dist', 'serve', 'page');
  app.get('/', { schema }, async (_request, reply) => reply.redirect(`${app.prefix}/ui/`));
  for (const [name, type] of Object.entries(FILES)) {
    const bytes = readFileSync(join(folder, name));
    app.get(name === 'index.html' ? '/ui/' : `/ui/${name}`, { schema }, async (_request, reply) => {
      reply
        .header('content-type', type)
        .header('content-security-policy', POLICY)
        .header('referrer-policy', 'no-referrer');
      return reply.send(bytes);
    });
  }
}
