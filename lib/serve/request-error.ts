/** Why a request is refused; the caller is told all of it. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly statusCode: number;
  readonly code: string;
  /** Seconds until it may be tried again. */
  readonly retryAfter: number | undefined;

  constructor(statusCode: number, code: string, message: string, retryAfter?: number) {
    super(message);
    this.statusCode = statusCode;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** The caller's mistake, in our grammar. */
export const badRequest = (message: string): RequestError => new RequestError(400, 'ERR_REQUEST', message);
