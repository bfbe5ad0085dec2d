import { existsSync, statSync } from 'node:fs';

/** Whether a folder is there. Of a path within a file `statSync` alone throws. */
export const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();
