/** The picture of all results of a batch; a file of its own, for it loads what decodes pictures. */
import { join } from 'node:path'
import sharp from 'sharp'
import { SiderError } from '../engine/errors.js'
import { encodePng, type Picture } from '../engine/image/picture.js'
import { composeSheet, type SheetCell } from '../engine/image/sheet.js'
import type { BatchOutcome } from '../jobs/batch.js'

/** Pictures of each result. */
const CELLS = ['input.png', 'overlay.png', 'render.png', 'normals.png']

/**
 * PNG bytes; one row a face: photo, overlay, render, normals.
 * @throws SiderError CANCELLED when the signal is aborted
 */
export async function batchSheet(outcomes: BatchOutcome[], signal: AbortSignal): Promise<Uint8Array> {
  const rows: SheetCell[][] = []
  for (const { name, folder } of outcomes) {
    if (signal.aborted) throw new SiderError('CANCELLED', 'the batch was stopped; its results are there')
    const pictures = await Promise.all(CELLS.map((file) => readPicture(join(folder, file))))
    rows.push(pictures.map((picture, i) => ({ picture, caption: i === 0 ? name : '' })))
  }
  return encodePng(await composeSheet(rows, { cell: 192 }))
}

async function readPicture(file: string): Promise<Picture> {
  const { data, info } = await sharp(file)
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, data: new Uint8Array(data) }
}
