/** That V8 may take for what lives long, megabytes: a server without work needs a third of it. */
const HEAP_MB = 96;
/** In pieces, so that what is counted is what is there. */
const PIECE_ITEMS = 4096;
const EVERY_MS = 20;

/**
 * Options of `node` by which a process has a small heap, of which only so many megabytes are free once it has said its first word: it
 * collects garbage again and again, and is late with all that it does. The module is a URL that holds its own text: there is no file
 * to be found.
 */
export function shortOfMemory(freeMb: number): string[] {
  const most = Math.trunc((HEAP_MB - freeMb) * 1e6);
  const source = `
    const held = [];
    const fill = () => {
      for (let pieces = 0; pieces < 8; pieces++) {
        if (process.memoryUsage().heapUsed > ${most}) return;
        held.push(Array.from({ length: ${PIECE_ITEMS} }, (_, index) => ({ index })));
      }
      setTimeout(fill, ${EVERY_MS}).unref();
    };
    const { write } = process.stdout;
    process.stdout.write = (...said) => {
      process.stdout.write = write;
      fill();
      return write.apply(process.stdout, said);
    };
    globalThis[Symbol('what takes the room')] = held;`;
  return [`--max-old-space-size=${HEAP_MB}`, '--import', `data:text/javascript,${encodeURIComponent(source)}`];
}
