/** The pictures of docs/ground-truth.md. */
import { readFile } from 'node:fs/promises'
import { findCases } from '../../src/engine/evaluate/index.js'
import { readTruth } from '../../src/engine/evaluate/truth.js'
import { normalPicture } from '../../src/engine/image/colors.js'
import {
  decodePicture,
  encodeJpeg,
  type Picture,
  pictureFromFloats,
  resampleBox,
  resizePicture,
} from '../../src/engine/image/picture.js'
import { composeSheet, type SheetCell } from '../../src/engine/image/sheet.js'
import type { Box } from '../../src/engine/stages.js'
import { writeFileAtomic } from '../../src/engine/system/files.js'
import { commandLine } from '../command-line.js'

/** Side of a cell; faces in a row. */
const CELL = 380
const FACES = { cell: 300, row: 5 }

const HELP = `The pictures of docs/ground-truth.md: photos of a generated set, and the true normals and albedo beneath them.

Usage: npx tsx scripts/dev/truth-sheet.ts <folder> [picture] [options]

  picture   (default docs/images/ground-truth.jpg, with --faces ground-truth-strong.jpg)
  --faces   the faces of the photos alone

Example: npx tsx scripts/dev/truth-sheet.ts out/truth /tmp/sheet.jpg
`

const { values, positionals } = commandLine(HELP, { faces: { type: 'boolean' } }, ['<folder>', '[picture]'])
const [folder, picture = `docs/images/ground-truth${values.faces ? '-strong' : ''}.jpg`] = positionals

/** The square about the face's bare skin, a quarter larger. */
function faceBox(mask: Uint8Array, width: number): Box {
  const inside = [...mask.keys()].filter((i) => mask[i])
  const bounds = [(i: number) => i % width, (i: number) => Math.floor(i / width)].map((of) => {
    const places = inside.map(of)
    return [places.reduce((a, b) => Math.min(a, b)), places.reduce((a, b) => Math.max(a, b))]
  })
  const side = 1.25 * Math.max(...bounds.map(([low, high]) => high - low))
  const [x, y] = bounds.map(([low, high]) => (low + high - side) / 2)
  return { x, y, width: side, height: side }
}

const rows: SheetCell[][] = values.faces ? [] : [[], [], []]
for (const one of await findCases(folder)) {
  if (!one.camera || !one.maps) continue
  const { camera, normals, albedo, mask } = await readTruth({ camera: one.camera, maps: one.maps })
  const { width, height } = camera
  const photo = await decodePicture(await readFile(one.image))
  if (values.faces) {
    if (rows.length === 0 || rows[rows.length - 1].length === FACES.row) rows.push([])
    rows[rows.length - 1].push({ picture: resampleBox(photo, faceBox(mask, width), FACES.cell, FACES.cell) })
    continue
  }
  const small = (whole: Picture): SheetCell => ({ picture: resizePicture(whole, CELL, CELL) })
  rows[0].push(small(photo))
  rows[1].push(small(normalPicture(normals, width, height)))
  if (albedo) rows[2].push(small(pictureFromFloats(albedo, width, height)))
}
const sheet = await composeSheet(rows, { cell: values.faces ? FACES.cell : CELL })
await writeFileAtomic(picture, await encodeJpeg(sheet, 88))
