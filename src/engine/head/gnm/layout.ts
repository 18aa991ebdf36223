/**
 * GNM's texture layouts, moved apart. In its file those of skin, teeth, tongue and both layers of both eyes fill the unit square one
 * over the other, v upwards; here each gets a field of its own, v downwards.
 */
import type { GnmData } from './data.js'
import type { Piece, VertexKind } from './pieces.js'

/** A field of the texture: [left, top, width, height]. */
type Field = readonly [number, number, number, number]

export interface PieceLayout {
  uv: Float32Array | undefined
  uvIndices: Uint32Array | undefined
}

/** The head's: the skin has four fifths of the width, the rest is the eyes', below each other. */
export function headLayout(data: GnmData, piece: Piece, kinds: VertexKind[]): PieceLayout {
  const inner = data.group('eye_interiors')
  return layOut(data, piece, (v) => {
    if (kinds[v] === 'skin') return [0, 0, 0.8, 1]
    const row = (data.component?.(v) === 'left_eye' ? 0 : 2) + (inner?.[v] ? 1 : 0)
    return [0.8, row / 4, 0.2, 1 / 4]
  })
}

/** The mouth's: lining, tongue, upper and lower jaw each have a quarter. */
export function interiorLayout(data: GnmData, piece: Piece, kinds: VertexKind[]): PieceLayout {
  return layOut(data, piece, (v) => {
    if (kinds[v] === 'lining' || kinds[v] === 'skin') return [0, 0, 0.5, 0.5]
    if (kinds[v] === 'tongue') return [0.5, 0, 0.5, 0.5]
    return data.component?.(v) === 'upper_teeth_and_gums' ? [0, 0.5, 0.5, 0.5] : [0.5, 0.5, 0.5, 0.5]
  })
}

/** Coordinates that occur at a vertex become one row; seams have several. */
function layOut(data: GnmData, { triangles }: Piece, fieldOf: (vertex: number) => Field): PieceLayout {
  const { uv } = data
  if (!uv) return { uv: undefined, uvIndices: undefined }
  const rows: number[] = []
  const known = new Map<string, number>()
  const uvIndices = new Uint32Array(3 * triangles.length)
  triangles.forEach((t, i) => {
    for (let c = 0; c < 3; c++) {
      const v = data.triangles[3 * t + c]
      const [u, w] = [uv[6 * t + 2 * c], uv[6 * t + 2 * c + 1]]
      const key = `${v} ${u} ${w}`
      let row = known.get(key)
      if (row === undefined) {
        const [left, top, width, height] = fieldOf(v)
        row = rows.length / 2
        rows.push(left + width * u, top + height * (1 - w))
        known.set(key, row)
      }
      uvIndices[3 * i + c] = row
    }
  })
  return { uv: Float32Array.from(rows), uvIndices }
}
