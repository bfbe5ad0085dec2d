// Writes a compiled network:  node save-compiled.mjs '{"engine": "compiled", "network": .., ..}' FILE
import { ENGINES } from './engines.mjs';

const [, , settings, path] = process.argv;
const { fast } = await ENGINES.compiled(JSON.parse(settings));
fast.save(path);
fast.dispose();
