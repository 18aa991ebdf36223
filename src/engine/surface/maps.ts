/** The output maps of a reconstruction: arrays, pictures and the contact sheet, as bytes by file name. */

import { encodeNpy } from '../formats/npy.js'
import { finiteRange, normalPicture, scalarPicture } from '../image/colors.js'
import { surfaceOverlay } from '../image/overlay.js'
import { encodePng, type Picture, pictureFromFloats } from '../image/picture.js'
import { composeSheet, type SheetCell } from '../image/sheet.js'

/** Per-pixel results at the crop's resolution; arrays are [size, size] row by row. */
export interface SurfaceMaps {
  size: number
  /** Metres along the optical axis, NaN off the face. */
  depth: Float32Array
  /** [size, size, 3] unit, camera frame (x right, y down, z forward), 0 off the face. */
  normals: Float32Array
  /** The fitted head's normals, same layout. */
  coarseNormals: Float32Array
  /** [size, size, 3] sRGB 0..1 of the neural renderer, or undefined before it exists. */
  render: Float32Array | undefined
  /** 1 on the face. */
  mask: Uint8Array
}

/** Pictures of the maps, by the names they have as files (without .png). */
interface MapPictures {
  input: Picture
  'coarse-overlay': Picture
  render: Picture | undefined
  depth: Picture
  normals: Picture
  'coarse-normals': Picture
  overlay: Picture
}

/** Draws all maps. @param crop picture of the crop, size x size */
function drawMaps(maps: SurfaceMaps, crop: Picture): MapPictures {
  const { size, mask } = maps
  return {
    input: crop,
    'coarse-overlay': surfaceOverlay(crop, maps.coarseNormals, mask),
    render: maps.render && pictureFromFloats(maskRows(maps.render, mask, 3), size, size),
    // shown: what lies between the 1st and 99th percentile
    depth: scalarPicture(maps.depth, size, size, { name: 'grey', range: centralRange(maps.depth) }),
    normals: normalPicture(maskRows(maps.normals, mask, 3), size, size),
    'coarse-normals': normalPicture(maskRows(maps.coarseNormals, mask, 3), size, size),
    overlay: surfaceOverlay(crop, maps.normals, mask),
  }
}

/** One row of the contact sheet, as Fig. 5 of the paper: input, coarse overlay, render, depth, normals, overlay. */
function sheetRow(pictures: MapPictures): SheetCell[] {
  const cells: SheetCell[] = [
    { picture: pictures.input, caption: 'input' },
    { picture: pictures['coarse-overlay'], caption: 'coarse' },
    { picture: pictures.render, caption: 'render' },
    { picture: pictures.depth, caption: 'depth' },
    { picture: pictures.normals, caption: 'normals' },
    { picture: pictures.overlay, caption: 'detailed' },
  ]
  return cells.filter((cell) => cell.picture !== undefined)
}

/** All files of the maps: `maps/*.npy`, the pictures and `sheet.png`. */
export async function mapFiles(maps: SurfaceMaps, crop: Picture): Promise<Record<string, Uint8Array>> {
  const { size, mask } = maps
  const pictures = drawMaps(maps, crop)
  const depth = maps.depth.map((z, i) => (mask[i] ? z : Number.NaN))
  const files: Record<string, Uint8Array> = {
    'maps/depth.npy': encodeNpy(depth, [size, size]),
    'maps/normals.npy': encodeNpy(maskRows(maps.normals, mask, 3), [size, size, 3]),
    'maps/coarse-normals.npy': encodeNpy(maps.coarseNormals, [size, size, 3]),
    'maps/mask.npy': encodeNpy(mask, [size, size]),
  }
  if (maps.render !== undefined) files['maps/render.npy'] = encodeNpy(maps.render, [size, size, 3])
  const drawn: [string, Picture][] = Object.entries(pictures).filter(([, picture]) => picture !== undefined)
  const sheet = await composeSheet([sheetRow(pictures)], { cell: Math.max(256, size) })
  // all at once: encoders run beside this thread
  await Promise.all(
    [...drawn, ['sheet', sheet] as const].map(async ([name, picture]) => {
      files[`${name}.png`] = await encodePng(picture)
    }),
  )
  return files
}

function maskRows(values: Float32Array, mask: Uint8Array, dims: number): Float32Array {
  return values.map((v, i) => (mask[Math.floor(i / dims)] ? v : 0))
}

function centralRange(values: Float32Array): [number, number] {
  const sorted = values.filter(Number.isFinite).sort()
  if (sorted.length === 0) return finiteRange(values)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
  return [at(0.01), at(0.99)]
}
