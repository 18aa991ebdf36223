/** What torture found: one row a claim. */
export interface Row {
  what: string
  figure: string
  limit: string
  good: boolean
  /** It could not be tried here. */
  skipped?: boolean
}

export const row = (what: string, figure: string, limit: string, good: boolean): Row => ({ what, figure, limit, good })

/** A claim that could not be tried here, and why. */
export const skipped = (what: string, why: string): Row => ({ what, figure: why, limit: '', good: true, skipped: true })

/** A count that must be zero. */
export const none = (what: string, list: readonly unknown[]): Row =>
  row(what, list.length === 0 ? 'none' : `${list.length}: ${list.slice(0, 3).join('; ')}`, 'none', list.length === 0)

/** Milliseconds that must be below a limit. */
export const below = (what: string, figure: number, limit: number, unit = 'ms'): Row =>
  row(what, `${figure.toFixed(1)} ${unit}`, `${limit} ${unit}`, figure <= limit)

export const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN

export function format(rows: readonly Row[]): string {
  const widths = (['what', 'figure', 'limit'] as const).map((key) => Math.max(...rows.map((one) => one[key].length)))
  return rows
    .map(({ what, figure, limit, good, skipped }) => {
      const cells = [what, figure, limit].map((text, i) => text.padEnd(widths[i]))
      return `${skipped ? 'skipped' : good ? 'good   ' : 'BAD    '}  ${cells.join('  ')}`.trimEnd()
    })
    .join('\n')
}
