const DEPARTURES = {
  AVIF: 'AVIF is decoded by libheif here and by libavif in Pillow: where colours change, values differ',
  '16-bit gray': '16-bit gray keeps its upper eight bits here, and is cut at 255 in Pillow',
};

const warned = new Set<string>();

/** Tells, once for each process, of a kind of image whose pixels are not Pillow's. */
export function warnOfDeparture(kind: keyof typeof DEPARTURES): void {
  if (warned.has(kind)) return;
  warned.add(kind);
  process.emitWarning(DEPARTURES[kind], { code: 'IBN_IMAGE_DEPARTURE' });
}
