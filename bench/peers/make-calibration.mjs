// Writes the photos of the tests, whole, cropped and mirrored, as float32 (N, 3, 224, 224):  node make-calibration.mjs FILE
import { writeFileSync } from 'node:fs';
import { photos } from './photos.mjs';

const images = await photos({ views: true });
const { buffer, byteOffset, byteLength } = images.contiguous().data();
writeFileSync(process.argv[2], new Uint8Array(buffer, byteOffset, byteLength));
