const FAMILIES: Readonly<Record<string, string>> = {
  resnet: 'ResNet',
  resnext: 'ResNeXt',
  se_resnet: 'SE-ResNet',
  densenet: 'DenseNet',
};

/**
 * What people call a model.
 *
 * @example
 * networkTitle('se_resnet50_ibn_a'); // 'SE-ResNet-50-IBN-a'
 */
export function networkTitle(model: string): string {
  const [, family = '', depth, variant, cardinality] =
    /^(\D+?)(\d+)(?:_ibn_(\w))?(?:_(\d+x\d+d))?$/.exec(model) ?? [];
  if (!(family in FAMILIES)) return model;
  const groups = cardinality ?? (family === 'resnext' ? '32x4d' : undefined);
  const name = `${FAMILIES[family]}-${depth}${variant === undefined ? '' : `-IBN-${variant}`}`;
  return groups === undefined ? name : `${name} ${groups}`;
}
