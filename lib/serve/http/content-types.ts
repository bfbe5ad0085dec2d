import type { FastifyInstance } from 'fastify';
import type { ServerPackages } from '../packages.ts';

/** Takes images as they are, and forms. JSON is Fastify's own. */
export async function addContentTypes(
  app: FastifyInstance,
  { multipart }: ServerPackages,
  bodyLimit: number,
): Promise<void> {
  app.addContentTypeParser(
    [/^image\/[\w.+-]+/, 'application/octet-stream'] as unknown as string[],
    { parseAs: 'buffer', bodyLimit },
    (_request, body, done) => done(null, body),
  );
  // An app around may have it already.
  if (!app.hasRequestDecorator('isMultipart')) await app.register(multipart as never);
}
