/** Derivatives that `gradcheck` or `gradgradcheck` found wrong, as torch.autograd.gradcheck.GradcheckError. */
export class GradcheckError extends Error {
  override readonly name = 'GradcheckError';
  readonly code = 'ERR_GRADCHECK';
}
