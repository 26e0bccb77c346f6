/**
 * Property tests draw the same values on every run, so that what passes here passes everywhere. KWIK_PROPERTY_SEED
 * takes another seed (`random` for a new one each time); a failure prints the seed that repeats it.
 */
import fc from 'fast-check';

const DEFAULT_SEED = 20_260_721;
const wanted = process.env['KWIK_PROPERTY_SEED'];

if (wanted !== 'random') fc.configureGlobal({ seed: wanted === undefined ? DEFAULT_SEED : Number(wanted) });
