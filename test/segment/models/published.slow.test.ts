import { compareWithPublished, QUICK } from './published.ts';

compareWithPublished(QUICK, false);
