/**
 * What is inside the mouth, as a mesh of its own that is linear in the head's cage: teeth and gums stand still in two frames, one of
 * the skull and one of the lower jaw, four points each; the tongue and the depths of the mouth's lining lie between the two; the
 * inner sides of lips and cheeks are MakeHuman's.
 */
import { INTERIOR_PARTS } from '../../../src/engine/stages.js'
import type { CutHead } from '../cut.js'
import type { Source } from '../source.js'
import type { Row } from '../topology.js'
import { frameRow } from './frames.js'
import { gums } from './gums.js'
import { CELLS, inCell, toothCell } from './layout.js'
import { buildLining, buildTongue } from './soft.js'
import { type Surface, TEETH, tooth } from './teeth.js'

export interface Interior {
  /** [vertices] in terms of base vertices and the frames' points. */
  rows: Row[]
  triangles: number[][]
  parts: number[]
  uv: number[][]
  uvTriangles: number[][]
  /** Vertices of the lining's rim and those of the skin in the same places. */
  seam: [number, number][]
  /** [vertices, 3] displacement of the tongue when it is put out, in the mean head, metres. */
  tongueOut: number[][]
}

/** @param mean place of a base vertex in the mean head, metres */
export function buildInterior(source: Source, cut: CutHead, mean: (v: number) => number[]): Interior {
  const out: Interior = { rows: [], triangles: [], parts: [], uv: [], uvTriangles: [], seam: [], tongueOut: [] }
  const add = (rows: Row[], triangles: number[][], part: number, uv: number[][], uvTriangles: number[][]): number => {
    const [first, firstUv] = [out.rows.length, out.uv.length]
    out.rows.push(...rows)
    out.triangles.push(...triangles.map((t) => t.map((v) => v + first)))
    out.parts.push(...rows.map(() => part))
    out.uv.push(...uv)
    out.uvTriangles.push(...uvTriangles.map((t) => t.map((v) => v + firstUv)))
    return first
  }
  for (const jaw of ['upper', 'lower'] as const) {
    for (const side of [1, -1] as const)
      TEETH[jaw].forEach((_, n) => {
        const { points, triangles, uv, uvTriangles } = tooth(jaw, n, side)
        const [column, row] = [side === 1 ? 7 + n : 6 - n, jaw === 'upper' ? 0 : 1]
        const part = jaw === 'upper' ? INTERIOR_PARTS.upperTeeth : INTERIOR_PARTS.lowerTeeth
        add(
          points.map((p) => frameRow(p, jaw === 'upper' ? 0 : 1)),
          triangles,
          part,
          inCell(uv, toothCell(column, row)),
          uvTriangles,
        )
      })
    const sheet = welded(gums(jaw))
    const rows = sheet.points.map((p) => frameRow(p, jaw === 'upper' ? 0 : 1))
    add(rows, sheet.triangles, INTERIOR_PARTS.gums, inCell(sheet.uv, CELLS[jaw]), sheet.uvTriangles)
  }
  const tongue = buildTongue(source, mean)
  const firstOfTongue = add(tongue.rows, tongue.fine.triangles, INTERIOR_PARTS.tongue, tongue.uv, tongue.uvTriangles)
  const lining = buildLining(source, cut, mean)
  const first = add(lining.rows, lining.fine.triangles, INTERIOR_PARTS.lining, lining.uv, lining.uvTriangles)
  const ring = cut.rings.mouth[0]
  ring.forEach((v, i) => {
    const w = ring[(i + 1) % ring.length]
    out.seam.push([first + lining.fine.vertex.get(v)!, cut.fine.vertex.get(v)!])
    out.seam.push([first + lining.fine.edge(v, w), cut.fine.edge(v, w)])
  })
  out.tongueOut = out.rows.map((_, v) => tongue.out[v - firstOfTongue] ?? [0, 0, 0])
  return out
}

/** Points of a surface in one place become one; texture coordinates stay apart. */
function welded({ points, triangles, uv, uvTriangles }: Surface): Surface {
  const numbers = new Map<string, number>()
  const kept: number[][] = []
  const number = points.map((p) => {
    const key = p.map((x) => Math.round(x * 1e7)).join()
    const known = numbers.get(key) ?? kept.push(p) - 1
    numbers.set(key, known)
    return known
  })
  const solid = triangles.map((_, i) => i).filter((i) => new Set(triangles[i].map((v) => number[v])).size === 3)
  return {
    points: kept,
    triangles: solid.map((i) => triangles[i].map((v) => number[v])),
    uv,
    uvTriangles: solid.map((i) => uvTriangles[i]),
  }
}
