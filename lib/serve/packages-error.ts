/** A package of the server is not installed. `code` is `ERR_SERVER_PACKAGES`. */
export class ServerPackagesError extends Error {
  override readonly name = 'ServerPackagesError';
  readonly code = 'ERR_SERVER_PACKAGES';
}
