/** Contact sheets of a batch, page by page; a file of its own, for it loads what decodes pictures. */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { SiderError } from '../../engine/errors.js'
import { encodeJpeg, type Picture } from '../../engine/image/picture.js'
import { composeSheet, type SheetCell } from '../../engine/image/sheet.js'
import { writeFileAtomic } from '../../engine/system/files.js'
import type { Row } from '../../jobs/batch/journal.js'

/** Pictures of each result. */
export const CELLS = ['input.png', 'overlay.png', 'render.png', 'normals.png']
/** Faces on a page, two in a row. */
const [FACES, IN_ROW] = [24, 2]
const CELL = 192
const PAGE = /^page-\d+\.jpg$/

/**
 * Writes `page-0001.jpg` and so on: photo, overlay, render and normals of each completed photo whose pictures are there. Pages of an
 * earlier run are replaced.
 * @param out folder of the results
 * @returns how many pages there are. @throws SiderError CANCELLED when the signal is aborted, DISK_FULL, OUTPUT_UNWRITABLE
 */
export async function writeSheets(
  folder: string,
  out: string,
  rows: AsyncIterable<Row>,
  signal: AbortSignal,
): Promise<number> {
  let pages = 0
  const write = async (page: Row[]): Promise<void> => {
    if (signal.aborted) throw new SiderError('CANCELLED', 'the batch was stopped; its results are there')
    const faces = (await Promise.all(page.map((row) => cellsOf(row, out)))).filter((cells) => cells !== undefined)
    if (faces.length === 0) return
    const lines: SheetCell[][] = []
    for (let i = 0; i < faces.length; i += IN_ROW) lines.push(faces.slice(i, i + IN_ROW).flat())
    const jpeg = await encodeJpeg(await composeSheet(lines, { cell: CELL }))
    await writeFileAtomic(join(folder, `page-${String(++pages).padStart(4, '0')}.jpg`), jpeg)
  }
  let page: Row[] = []
  for await (const row of rows) {
    if (row.state !== 'completed') continue
    if (page.push(row) < FACES) continue
    await write(page)
    page = []
  }
  await write(page)
  for (const name of await readdir(folder).catch(() => []))
    if (PAGE.test(name) && Number.parseInt(name.slice(5), 10) > pages) await rm(join(folder, name), { force: true })
  return pages
}

/** undefined if a picture is not there, or is none. */
async function cellsOf({ name, folder }: Row, out: string): Promise<SheetCell[] | undefined> {
  try {
    const pictures = await Promise.all(CELLS.map((file) => readPicture(join(out, folder, file))))
    return pictures.map((picture, i) => ({ picture, caption: i === 0 ? name : '' }))
  } catch {
    return undefined
  }
}

async function readPicture(file: string): Promise<Picture> {
  const { data, info } = await sharp(file)
    .resize(CELL, CELL, { fit: 'inside' })
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, data: new Uint8Array(data) }
}
