const BY_CODE = {
  ERR_TORCH_INDEX: 'IndexError',
  ERR_TORCH_VALUE: 'ValueError',
  ERR_TORCH_TYPE: 'TypeError',
  ERR_TORCH_NOT_IMPLEMENTED: 'NotImplementedError',
  ERR_TORCH_LINALG: '_LinAlgError',
  ERR_TORCH: 'RuntimeError',
};

/** Python's class of an error that this package throws. */
export const pythonKind = (error) => BY_CODE[error.code] ?? error.name;
