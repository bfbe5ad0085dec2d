import type { FastifyRequest } from 'fastify';
import type { ReceivedImage } from '../jobs/preparer.ts';
import type { ServeLimits } from '../options.ts';
import { badRequest, RequestError } from '../request-error.ts';
import { decodeBase64 } from './base64.ts';

/** What a request brought: its images, and the fields beside them. */
export interface ImageInput {
  readonly images: readonly ReceivedImage[];
  readonly fields: Record<string, unknown>;
}

type Limits = Required<ServeLimits>;

/**
 * Reads a request's images: the body itself (`image/jpeg` and others, `application/octet-stream`), the files of a form, or
 * base64 in JSON under `image` or `images`. Fields are those of the form or the JSON object, and those of the address.
 */
export async function readImageInput(request: FastifyRequest, limits: Limits): Promise<ImageInput> {
  const query = request.query as Record<string, unknown>;
  const { images, fields } = await readBody(request, limits);
  const twice = Object.keys(query).find((name) => name in fields);
  if (twice !== undefined) throw badRequest(`Expected "${twice}" in the body or the address, got it in both`);
  return { images, fields: { ...query, ...fields } };
}

async function readBody(request: FastifyRequest, limits: Limits): Promise<ImageInput> {
  const { body } = request;
  if (Buffer.isBuffer(body)) return { images: [{ bytes: body, name: 'image' }], fields: {} };
  if (isForm(request)) return await readForm(request as unknown as FormRequest, limits);
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return readJson(body, limits);
  throw badRequest(
    'Expected an image as the body, a form (multipart/form-data) or a JSON object with "image", got none of these',
  );
}

const isForm = ({ headers }: FastifyRequest): boolean =>
  headers['content-type']?.startsWith('multipart/form-data') ?? false;

function readJson(body: object, limits: Limits): ImageInput {
  const { image, images, ...fields } = body as Record<string, unknown>;
  if (image !== undefined && images !== undefined) {
    throw badRequest('Expected "image" or "images", got both');
  }
  if (images === undefined) {
    const found = image === undefined ? [] : [{ bytes: decodeBase64(image, 'image'), name: 'image' }];
    return { images: found, fields };
  }
  if (!Array.isArray(images)) throw badRequest(`Expected an array for images, got a ${typeof images}`);
  checkCount(images.length, limits);
  const named = images.map((text, i) => ({
    bytes: decodeBase64(text, `images[${i}]`),
    name: `images[${i}]`,
  }));
  return { images: named, fields };
}

interface FormPart {
  readonly type: 'file' | 'field';
  readonly fieldname: string;
  readonly filename?: string;
  readonly value?: unknown;
  readonly fieldnameTruncated?: boolean;
  readonly valueTruncated?: boolean;
  toBuffer(): Promise<Buffer>;
}
interface FormRequest {
  parts(options: object): AsyncIterable<FormPart>;
}

async function readForm(request: FormRequest, limits: Limits): Promise<ImageInput> {
  const images: ReceivedImage[] = [];
  const fields: Record<string, unknown> = Object.create(null);
  let room = limits.bodyBytes;
  try {
    for await (const part of request.parts(formLimits(limits))) {
      if (part.type === 'field') {
        addField(fields, part);
        continue;
      }
      checkCount(images.length + 1, limits);
      const bytes = await part.toBuffer();
      room -= bytes.length;
      if (room < 0) throw tooLarge(limits);
      images.push({ bytes, name: imageName(part, images.length) });
    }
  } catch (error) {
    throw formError(error);
  }
  return { images, fields: { ...fields } };
}

/** Names of files are the caller's and go into messages. */
const imageName = ({ filename }: FormPart, index: number): string =>
  filename === undefined || !/^[\w .()+-]{1,80}$/.test(filename) ? `file ${index}` : filename;

function formLimits({ bodyBytes, images }: Limits) {
  return {
    limits: { fileSize: bodyBytes, files: images + 1, fields: 32, fieldSize: 2 ** 20, parts: images + 33 },
  };
}

function addField(fields: Record<string, unknown>, { fieldname, value, valueTruncated }: FormPart): void {
  if (valueTruncated) throw badRequest(`Expected at most 1 MiB for "${fieldname}", got more`);
  if (!(fieldname in fields)) {
    fields[fieldname] = value;
    return;
  }
  const before = fields[fieldname];
  fields[fieldname] = Array.isArray(before) ? [...before, value] : [before, value];
}

function checkCount(count: number, { images }: Limits): void {
  if (count <= images) return;
  throw new RequestError(
    413,
    'ERR_TOO_MANY_IMAGES',
    `Expected at most ${images} images in a request, got more; send them in several`,
  );
}

const tooLarge = ({ bodyBytes }: Limits) =>
  new RequestError(
    413,
    'ERR_BODY_TOO_LARGE',
    `Expected at most ${bodyBytes} bytes, got more; send a smaller image`,
  );

/** What the parser of forms throws has a status where it is a limit, and none where the form is damaged. */
function formError(error: unknown): unknown {
  if (error instanceof RequestError) return error;
  const { statusCode, message } = error as { statusCode?: number; message: string };
  if (statusCode !== undefined && statusCode < 500) return error;
  return badRequest(`Expected a whole form, got one that is damaged (${message})`);
}
