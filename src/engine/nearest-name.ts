/** "Did you mean ...?": the nearest of a set of names. */

/** Nobody means a name by something longer, and comparing takes time. */
const LONGEST = 100

/**
 * The name most like `name` by edit distance, if any is near enough to be what was meant. A name that matches the end of
 * a dotted one counts as near ('epochs' means 'networks.detail.epochs'), and so does the beginning of a name, or the
 * same name in another group.
 */
export function nearestName(name: string, names: Iterable<string>): string | undefined {
  if (name.length > LONGEST) return undefined
  const end = name.slice(name.lastIndexOf('.') + 1)
  let best: string | undefined
  let bestDistance = Infinity
  for (const candidate of names) {
    const tails = [...candidate.matchAll(/\./g)].map(({ index }) => candidate.slice(index + 1))
    const begun = name.length >= 3 && candidate.toLowerCase().startsWith(name.toLowerCase()) ? 1 : Infinity
    const near = tails.map((tail) => Math.min(nearness(name, tail) + 0.5, nearness(end, tail) + 1))
    const distance = Math.min(nearness(name, candidate), ...near, begun)
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}

/** Edit distance; infinite where so much of `written` is wrong that nobody can have meant `name`. */
function nearness(written: string, name: string): number {
  const distance = editDistance(written, name)
  const allowed = Math.min(Math.max(2, Math.floor(written.length / 3)), written.length - 1)
  return distance <= allowed ? distance : Infinity
}

/** Levenshtein distance, without regard to case. */
function editDistance(a: string, b: string): number {
  const [x, y] = [a.toLowerCase(), b.toLowerCase()]
  let row = Array.from({ length: y.length + 1 }, (_, j) => j)
  for (let i = 1; i <= x.length; i++) {
    const next = [i]
    for (let j = 1; j <= y.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (x[i - 1] === y[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[y.length]
}
