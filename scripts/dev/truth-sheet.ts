/**
 * The picture of docs/ground-truth.md: photos of a generated set, and the true normals and albedo beneath them.
 *
 *   npx tsx scripts/dev/truth-sheet.ts FOLDER [PICTURE]
 */
import { readFile } from 'node:fs/promises'
import { findCases } from '../../src/engine/evaluate/index.js'
import { readTruth } from '../../src/engine/evaluate/truth.js'
import { writeFileAtomic } from '../../src/engine/files.js'
import { normalPicture } from '../../src/engine/image/colors.js'
import { decodePicture, encodeJpeg, pictureFromFloats, resizePicture } from '../../src/engine/image/picture.js'
import { composeSheet, type SheetCell } from '../../src/engine/image/sheet.js'

/** Side of a cell. */
const CELL = 380

const [folder, picture = 'docs/images/ground-truth.jpg'] = process.argv.slice(2)
const rows: SheetCell[][] = [[], [], []]
for (const one of await findCases(folder)) {
  if (!one.camera || !one.maps) continue
  const { camera, normals, albedo } = await readTruth({ camera: one.camera, maps: one.maps })
  const { width, height } = camera
  const small = (whole: ReturnType<typeof pictureFromFloats>) => ({ picture: resizePicture(whole, CELL, CELL) })
  rows[0].push(small(await decodePicture(await readFile(one.image))))
  rows[1].push(small(normalPicture(normals, width, height)))
  if (albedo) rows[2].push(small(pictureFromFloats(albedo, width, height)))
}
const sheet = await composeSheet(rows, { cell: CELL })
await writeFileAtomic(picture, await encodeJpeg(sheet, 88))
