/** `*` stands for any run of characters, also none; everything else for itself. Takes time in proportion to both lengths at the most. */
export function matchesGlob(pattern: string, text: string): boolean {
  let at = 0;
  let in_ = 0;
  let star = -1;
  let resume = 0;
  while (at < text.length) {
    if (pattern[in_] === '*') {
      star = in_++;
      resume = at;
    } else if (pattern[in_] === text[at]) {
      in_++;
      at++;
    } else if (star >= 0) {
      // The last star takes one character more; those before it need not be tried again.
      in_ = star + 1;
      at = ++resume;
    } else return false;
  }
  while (pattern[in_] === '*') in_++;
  return in_ === pattern.length;
}
