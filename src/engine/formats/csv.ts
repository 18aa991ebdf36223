/** Comma-separated values (RFC 4180), with line feeds. */

/** Nothing is an empty field. */
export type Cell = string | number | undefined

/** The file's text, a line a row. */
export function encodeCsv(rows: readonly (readonly Cell[])[]): string {
  const field = (cell: Cell): string => {
    const text = cell === undefined ? '' : String(cell)
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  return rows.map((row) => `${row.map(field).join(',')}\n`).join('')
}
