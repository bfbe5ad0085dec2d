/** Why a transfer failed. Codes never change between releases. */
export type DownloadErrorCode =
  | 'ERR_DOWNLOAD_UNREACHABLE'
  | 'ERR_DOWNLOAD_PROXY'
  | 'ERR_DOWNLOAD_STATUS'
  | 'ERR_DOWNLOAD_INTERRUPTED'
  | 'ERR_DOWNLOAD_SIZE'
  | 'ERR_DOWNLOAD_HASH'
  | 'ERR_DOWNLOAD_CONTENT'
  | 'ERR_DOWNLOAD_WRITE'
  | 'ERR_DOWNLOAD_ABORTED';

/** A file could not be fetched; callers wrap it in their own error. `url` has no user name or password. */
export class DownloadError extends Error {
  override readonly name = 'DownloadError';
  readonly code: DownloadErrorCode;
  readonly url: string;
  readonly status: number | undefined;
  /** The message without the URL. */
  readonly reason: string;
  constructor(
    reason: string,
    options: { code: DownloadErrorCode; url: string; status?: number; cause?: unknown },
  ) {
    const url = publicUrl(options.url);
    super(`${url}: ${reason}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.code = options.code;
    this.url = url;
    this.status = options.status;
  }
}

/** A URL that can be shown: without user name, password and fragment. */
export function publicUrl(url: string): string {
  const parsed = new URL(url);
  parsed.username = '';
  parsed.password = '';
  parsed.hash = '';
  return parsed.href;
}
