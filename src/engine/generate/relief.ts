/**
 * The skin's whole relief, mm along the normal at every vertex: creases from the chart, and what is spread over the skin: lumps,
 * fine lines, pores, the grain of the lips, raised moles and pimples, and hair on the skull.
 */
import { type Cell, cell, noise, octaves } from '../geometry/noise.js'
import { vertexNormals } from '../geometry/normals.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { HEAD_PARTS } from '../stages.js'
import { type ChartLayer, chartPoint } from './chart.js'
import { hairDepth } from './hair.js'
import { type FineHead, INSIDE } from './head-mesh.js'
import type { Marks } from './marks.js'
import type { PortraitPlan } from './plan.js'

/** Lips seen flat: how far inside them a chart place lies, 0..1. */
export type LipCover = (u: number, v: number) => number

/** Moves the vertices of the mesh by their relief, in place. */
export function applyRelief(
  head: FineHead,
  plan: PortraitPlan,
  creases: ChartLayer,
  marks: Marks,
  lips: LipCover,
): void {
  const heights = reliefHeights(head, plan, creases, marks, lips)
  const normals = vertexNormals(head.mesh)
  const { positions } = head.mesh
  for (let i = 0; i < positions.length; i++) positions[i] += (heights[Math.floor(i / 3)] / 1000) * normals[i]
}

/** [vertices] mm. */
function reliefHeights(
  { canonical, face, mesh, parts }: FineHead,
  plan: PortraitPlan,
  creases: ChartLayer,
  marks: Marks,
  lips: LipCover,
): Float32Array {
  const { complexion, seed } = plan
  // 1: skin; 2: of an ear, where no hair grows
  const skin = new Uint8Array(face.length)
  mesh.indices.forEach((v, i) => {
    const part = parts[Math.floor(i / 3)]
    if (part === HEAD_PARTS.ear) skin[v] = 2
    else if (part < INSIDE && part !== HEAD_PARTS.eyeball && part !== HEAD_PARTS.mouth && skin[v] === 0) skin[v] = 1
  })
  const drawn = { creases, marks, lips }
  const out = new Float32Array(face.length)
  for (let i = 0; i < out.length; i++) {
    if (!skin[i]) continue
    const [x, y, z] = [1000 * canonical[3 * i], 1000 * canonical[3 * i + 1], 1000 * canonical[3 * i + 2]]
    const hair = skin[i] === 2 ? 0 : smoothstep(0, 18, hairDepth(x, y, z, plan))
    let height = 0
    if (hair > 0) height += hair * complexion.hairLength * (0.75 + 0.35 * octaves(x / 9, y / 9, z / 9, seed + 61, 3))
    if (face[i] > 0) height += surfaceHeight([x, y, z], face[i], plan, drawn)
    out[i] = height
  }
  return out
}

const found: Cell = { nearest: 0, second: 0, value: 0 }

/** What is drawn on the face's chart. */
interface SkinRelief {
  creases: ChartLayer
  marks: Marks
  lips: LipCover
}

/**
 * Relief of the face's bare skin at a place of the mean head, mm along the normal.
 *
 * @param place [3] mm
 * @param face 0..1: inside the face region
 */
export function surfaceHeight(
  [x, y, z]: readonly [number, number, number],
  face: number,
  { relief, seed }: PortraitPlan,
  { creases, marks, lips }: SkinRelief,
): number {
  const [u, v] = chartPoint(x / 1000, y / 1000, z / 1000)
  const lip = lips(u, v)
  let fine = creases.at(u, v)
  fine += relief.lumps * octaves(x / 11, y / 11, z / 11, seed + 1, 3, 0.55)
  // The net of fine lines between cells of about a millimetre, stretched a little along the tension lines.
  cell(x / 1.1, y / 0.85, z / 1.1, seed + 2, found)
  fine += relief.fineLines * (Math.min(0.5, found.second - found.nearest) - 0.25)
  cell(x / 1.25, y / 1.25, z / 1.25, seed + 3, found)
  const pore = Math.exp(-((found.nearest * 1.25) ** 2) / 0.06) * (0.4 + 0.6 * found.value)
  fine -= relief.pores * poreField(x, y, z) * pore
  fine += marks.height(u, v)
  const height = face * (1 - lip) * awayFromEyes(x, y, z) * fine
  if (lip === 0) return height
  // Upright grooves on the lips.
  const grooves = noise(u / 1.3, v / 7, 0.5, seed + 4) + 0.5 * noise(u / 0.7, v / 5, 1.5, seed + 5)
  return height + face * lip * 0.13 * grooves
}

/** Pores are wide on nose and cheeks, and fade towards temples and jaw. */
function poreField(x: number, y: number, z: number): number {
  const nose = Math.exp(-((x / 16) ** 2) - ((y + 32) / 22) ** 2)
  const cheek = Math.exp(-(((Math.abs(x) - 34) / 18) ** 2) - ((y + 35) / 20) ** 2)
  const front = smoothstep(70, 100, z)
  return front * (0.25 + nose + 0.7 * cheek)
}

/** 0 on the lids' margins, where the skin is thin and its two sides are near, 1 from 5 mm on. */
function awayFromEyes(x: number, y: number, z: number): number {
  return smoothstep(0.9, 1.35, Math.hypot((Math.abs(x) - 30) / 14.5, (y + 1) / 7.5, (z - 97) / 14))
}
