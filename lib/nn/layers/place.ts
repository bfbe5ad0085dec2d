import type { Device, DType } from '../../tensor/index.ts';
import { unchecked } from '../arguments.ts';

/** Where a layer makes its parameters. */
export interface PlaceOptions {
  /** Default `'cpu'`. */
  device?: Device;
  /** Default `'float32'`. */
  dtype?: DType;
}

/** The same as read: null where not given. */
export interface PlaceValues {
  device: Device | null;
  dtype: DType | null;
}

/** The same in a table of arguments; ops check them. */
export const PLACE_ARGUMENTS = {
  device: unchecked<Device | null>(null),
  dtype: unchecked<DType | null>(null),
};

/** Device and dtype of new parameters; libtorch's defaults where not given. */
export function tensorOptions(options: {
  device?: Device | null | undefined;
  dtype?: DType | null | undefined;
}): PlaceOptions {
  return {
    ...(options.device == null ? {} : { device: options.device }),
    ...(options.dtype == null ? {} : { dtype: options.dtype }),
  };
}
