/** Contact sheets: rows of pictures with captions. */
import { newPicture, type Picture, paste, renderSvg, resizePicture } from './picture.js'
import { textPath, textWidth } from './text.js'

/** One picture of a sheet; undefined leaves its place empty. */
export interface SheetCell {
  picture: Picture | undefined
  caption?: string
}

export interface SheetOptions {
  /** Side of a cell in pixels (default 256). Pictures are fitted into it, keeping their proportions. */
  cell?: number
  /** Height of capitals (default 9). */
  textSize?: number
  /** Labels of the rows, at the left. */
  rowLabels?: string[]
  title?: string
  background?: readonly [number, number, number]
}

const GAP = 6

/** Composes rows of cells into one picture; captions stand under the cells and are cut to fit. */
export async function composeSheet(rows: SheetCell[][], options: SheetOptions = {}): Promise<Picture> {
  const cell = options.cell ?? 256
  const size = options.textSize ?? 9
  const columns = Math.max(...rows.map((r) => r.length), 1)
  const hasCaption = rows.map((r) => r.some((c) => c.caption !== undefined))
  const left = options.rowLabels ? Math.max(...options.rowLabels.map((l) => textWidth(l, size))) + 2 * GAP : GAP
  const top = options.title === undefined ? GAP : Math.ceil(size * 1.4) + 3 * GAP
  const captionHeight = Math.ceil(size * 1.7) + GAP
  const width = Math.ceil(left + columns * (cell + GAP))
  const tops: number[] = []
  let y = top
  for (let r = 0; r < rows.length; r++) {
    tops.push(y)
    y += cell + GAP + (hasCaption[r] ? captionHeight : 0)
  }
  const labels: string[] = []
  if (options.title !== undefined)
    labels.push(textPath(fitText(options.title, width - 2 * GAP, size * 1.3), GAP, top - GAP - size * 0.4, size * 1.3))
  rows.forEach((row, r) => {
    const label = options.rowLabels?.[r]
    if (label !== undefined) labels.push(textPath(label, GAP, tops[r] + cell / 2 + size / 2, size))
    row.forEach(({ caption }, c) => {
      if (caption === undefined) return
      const x = left + c * (cell + GAP) + cell / 2
      labels.push(textPath(fitText(caption, cell, size), x, tops[r] + cell + size * 1.6, size, { anchor: 'middle' }))
    })
  })
  const background = options.background ?? [255, 255, 255]
  let sheet = newPicture(width, y, background)
  if (labels.length > 0)
    sheet = await renderSvg(
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}"><rect width="100%" height="100%" fill="rgb(${background.join(',')})"/>${labels.join('')}</svg>`,
    )
  rows.forEach((row, r) => {
    row.forEach(({ picture }, c) => {
      if (picture === undefined) return
      const scale = cell / Math.max(picture.width, picture.height)
      const w = Math.max(1, Math.round(picture.width * scale))
      const h = Math.max(1, Math.round(picture.height * scale))
      const fitted = scale === 1 ? picture : resizePicture(picture, w, h)
      const x = Math.round(left) + c * (cell + GAP) + Math.floor((cell - w) / 2)
      paste(sheet, fitted, x, tops[r] + Math.floor((cell - h) / 2))
    })
  })
  return sheet
}

function fitText(text: string, width: number, size: number): string {
  let letters = [...text]
  while (letters.length > 1 && textWidth(letters.join(''), size) > width) letters = letters.slice(0, -1)
  return letters.join('')
}
