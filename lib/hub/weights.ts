/** Where the published files are: the IBN-Net repository's release v1.0. */
export const RELEASE_URL = 'https://github.com/XingangPan/IBN-Net/releases/download/v1.0/';

/** Published weights: file names carry the first eight digits of their sha256, as torch.hub's do. */
const FILES: Record<string, string> = {
  resnet18_ibn_a: 'resnet18_ibn_a-2f571257.pth',
  resnet34_ibn_a: 'resnet34_ibn_a-94bc1577.pth',
  resnet50_ibn_a: 'resnet50_ibn_a-d9d0bb7b.pth',
  resnet101_ibn_a: 'resnet101_ibn_a-59ea0ac6.pth',
  resnet18_ibn_b: 'resnet18_ibn_b-bc2f3c11.pth',
  resnet34_ibn_b: 'resnet34_ibn_b-04134c37.pth',
  resnet50_ibn_b: 'resnet50_ibn_b-9ca61e85.pth',
  resnet101_ibn_b: 'resnet101_ibn_b-c55f6dba.pth',
};

/** Models that have published weights. */
export function pretrainedModels(): string[] {
  return Object.keys(FILES);
}

/** The published file of a model, or undefined where none was published. */
export function weightsFile(model: string): string | undefined {
  return Object.hasOwn(FILES, model) ? FILES[model] : undefined;
}

/** The address of a published file. `IBN_NET_CHECKPOINT_BASE_URL` names a mirror. */
export function weightsUrl(file: string): string {
  const base = process.env.IBN_NET_CHECKPOINT_BASE_URL ?? RELEASE_URL;
  return new URL(file, base.endsWith('/') ? base : `${base}/`).href;
}
