import { Conv2d, init } from '../../nn/index.ts';
import { checkPositions } from '../../options.ts';
import { PLAIN } from '../blocks/placement.ts';
import { buildDenseNet, type DenseNet_IBN, type DenseNetEntryOptions, SHAPES } from './densenet-ibn.ts';

/** As torchvision (models/densenet.py, 0.28) draws them; the classifier's weight keeps PyTorch's default. */
function initialise(model: DenseNet_IBN): void {
  for (const module of model.modules()) if (module instanceof Conv2d) init.kaimingNormal_(module.weight);
  if (model.classifier.bias !== null) init.zeros_(model.classifier.bias);
}

function build(name: string, depth: keyof typeof SHAPES, options: DenseNetEntryOptions): DenseNet_IBN {
  const ibnCfg = PLAIN as readonly [null, null, null, null];
  return buildDenseNet(name, { ...SHAPES[depth], ibnCfg }, options, initialise);
}

/** Plain DenseNet-121: torchvision's keys, those of its older files included, and initial weights. */
export function densenet121(options: DenseNetEntryOptions = {}): DenseNet_IBN {
  checkPositions('densenet121', arguments, 1);
  return build('densenet121', 121, options);
}

/** Plain DenseNet-161, as torchvision's. */
export function densenet161(options: DenseNetEntryOptions = {}): DenseNet_IBN {
  checkPositions('densenet161', arguments, 1);
  return build('densenet161', 161, options);
}

/** Plain DenseNet-169, as torchvision's. */
export function densenet169(options: DenseNetEntryOptions = {}): DenseNet_IBN {
  checkPositions('densenet169', arguments, 1);
  return build('densenet169', 169, options);
}

/** Plain DenseNet-201, as torchvision's. */
export function densenet201(options: DenseNetEntryOptions = {}): DenseNet_IBN {
  checkPositions('densenet201', arguments, 1);
  return build('densenet201', 201, options);
}
