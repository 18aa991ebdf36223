/**
 * The colour of skin, hair, eyes and lips at a place of the mean head, linear RGB albedo. Skin is a layer of blood under one of
 * melanin: log albedo falls linearly with how much there is of each, so tan, freckles, blushes, lips and moles are one formula.
 */

import { LIPS_OUTER } from '../evidence/layouts.js'
import { type Cell, cell, noise, octaves } from '../geometry/noise.js'
import type { Rng } from '../geometry/rng.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { type ChartLayer, chartPoint, type Point, polygonDistance } from './chart.js'
import { hairDepth, paintHair } from './hair.js'
import type { Marks } from './marks.js'
import type { PortraitPlan } from './plan.js'
import type { Posture } from './posture.js'

/** Log absorption of bare skin, of a unit of melanin, and of a unit of blood. */
const BARE = [0.26, 0.43, 0.66] as const
const MELANIN = [0.62, 0.86, 1.08] as const
const BLOOD = [0.12, 0.76, 0.52] as const
/** Of hair's melanin, over a base of grey hair. */
const HAIR = [0.8, 1.05, 1.35] as const
const GREY_HAIR = 0.45

export interface Look {
  /** Linear RGB. */
  albedo: [number, number, number]
  /** 0..1 sheen of skin; hair has none. */
  sheen: number
}

/** Whom to paint. */
interface Painted {
  plan: PortraitPlan
  posture: Posture
  /** On the chart. */
  landmarks: readonly Point[]
  /** The closed line along which the lips touch, where the mouth shows it. */
  lipContact: readonly Point[]
  marks: Marks
  rng: Rng
}

/** Where skin is what; all lengths in mm of the mean head. */
export class Painter {
  private readonly plan: PortraitPlan
  private readonly lipContact: readonly Point[]
  private readonly marks: Marks
  private readonly hairLayer: ChartLayer
  private readonly lipsOutline: Point[]
  private readonly found: Cell = { nearest: 0, second: 0, value: 0 }

  constructor({ plan, posture, landmarks, lipContact, marks, rng }: Painted) {
    this.plan = plan
    this.lipContact = lipContact
    this.marks = marks
    this.hairLayer = paintHair(landmarks, posture, plan.complexion.browDensity, rng)
    this.lipsOutline = LIPS_OUTER.map((i) => landmarks[i])
  }

  /** 0..1: the red of the lips. Its border is soft and uneven. */
  readonly lips = (u: number, v: number): number => {
    if (Math.abs(u) > 30 || v > -55 || v < -88) return 0
    const ragged = 0.7 * noise(u / 2.2, v / 2.2, 0.5, this.plan.seed + 31)
    const red = smoothstep(0.5, -1.3, polygonDistance(this.lipsOutline, u, v) + ragged)
    if (this.lipContact.length === 0) return red
    // The corners are red too, which an open mouth shows.
    return Math.max(red, smoothstep(2.6, 1.2, polygonDistance(this.lipContact, u, v) + ragged))
  }

  /** Skin and what grows on it, at a point of the mean head in metres. */
  skin(px: number, py: number, pz: number, ear: boolean, out: Look): Look {
    const { complexion, seed } = this.plan
    const [x, y, z] = [1000 * px, 1000 * py, 1000 * pz]
    const [u, v] = chartPoint(px, py, pz)
    const front = smoothstep(10, 45, z)
    let melanin = complexion.melanin
    let blood = complexion.blood
    melanin *= 1 + 0.22 * complexion.tan * octaves(x / 45, y / 45, z / 45, seed + 11, 3)
    melanin += 0.09 * complexion.mottling * octaves(x / 3.2, y / 3.2, z / 3.2, seed + 12, 3, 0.6)
    blood += 0.3 * complexion.blotches * octaves(x / 16, y / 16, z / 16, seed + 13, 4, 0.6)
    blood += 0.22 * complexion.mottling * octaves(x / 2.4, y / 2.4, z / 2.4, seed + 14, 3, 0.65)
    // The mouths of pores and hairs, at the edge of what the camera sees.
    melanin += 0.07 * complexion.mottling * octaves(x / 0.9, y / 0.9, z / 0.9, seed + 15, 2, 0.7)
    if (front > 0) {
      const lip = this.lips(u, v)
      blood += front * this.flush(u, v)
      melanin += front * this.shade(u, v)
      melanin += front * this.freckles(x, y, z, u, v)
      const [moleMelanin, spotBlood] = this.marks.colour(u, v)
      melanin += moleMelanin
      blood += spotBlood
      melanin += front * (1 - lip) * this.stubble(x, y, z, u, v)
      if (lip > 0) {
        blood += lip * (0.35 + complexion.lips * 0.75 + 0.2 * octaves(u / 2, v / 5, 0.5, seed + 32, 2))
        melanin += lip * 0.16 * (complexion.melanin > 0.8 ? 2 : 1)
      }
    }
    const { albedo } = out
    for (let c = 0; c < 3; c++)
      albedo[c] = Math.exp(-BARE[c] - Math.max(0.05, melanin) * MELANIN[c] - Math.max(0, blood) * BLOOD[c])
    out.sheen = complexion.oil * (0.55 + 0.6 * this.oily(u, v))
    this.beard(u, v, albedo)
    if (!ear) this.hair(x, y, z, u, v, out)
    else for (let c = 1; c < 3; c++) albedo[c] *= 0.88
    return out
  }

  /** The eyeball at `r` mm from the iris's centre, `angle` around it. */
  eye(r: number, angle: number, out: Look): Look {
    const { iris } = this.plan.complexion
    const { seed } = this.plan
    const { albedo } = out
    const fibre = 1 + 0.7 * noise(Math.cos(angle) * 9, Math.sin(angle) * 9, r / 3, seed + 41)
    const limb = smoothstep(5.9, 5.1, r)
    const pupil = smoothstep(2, 2.3, r)
    const vein = Math.max(0, noise(r / 2.5, angle * 7, 0.5, seed + 42)) * smoothstep(7, 12, r)
    for (let c = 0; c < 3; c++) {
      const white = [0.62, 0.56, 0.52][c] * (1 - vein * [0.05, 0.4, 0.4][c]) * smoothstep(15, 9, r)
      const colour = iris[c] * fibre * (0.45 + 0.55 * smoothstep(5.8, 4.6, r)) * (r < 3.2 ? 1.25 : 1)
      albedo[c] = white + smoothstep(6.2, 5.6, r) * (colour * limb * pupil + 0.006 - white)
    }
    out.sheen = 1
    return out
  }

  /** The sheet between the lips: the dark line where they meet. */
  mouth(out: Look): Look {
    const deep = Math.exp(-0.35 * this.plan.complexion.melanin)
    out.albedo[0] = 0.1 * deep
    out.albedo[1] = 0.025 * deep
    out.albedo[2] = 0.02 * deep
    out.sheen = 0.2
    return out
  }

  /** Blood under cheeks, nose, chin and lids. */
  private flush(u: number, v: number): number {
    const { complexion } = this.plan
    const spot = (cu: number, cv: number, ru: number, rv: number): number =>
      Math.exp(-(((Math.abs(u) - cu) / ru) ** 2) - ((v - cv) / rv) ** 2)
    const cheeks = 0.26 * spot(42, -36, 17, 17)
    const nose = 0.34 * spot(0, -36, 12, 12) + 0.25 * spot(17, -41, 6, 7)
    const lids = 0.2 * spot(29, 3, 17, 5) + 0.14 * spot(28, -9, 16, 5)
    const chin = 0.12 * spot(0, -100, 14, 9)
    const pale = -0.16 * spot(0, 35, 40, 14) - 0.1 * spot(14, -62, 8, 6)
    return (0.5 + 0.7 * complexion.blotches) * (cheeks + nose + lids + chin + pale)
  }

  /** Melanin about the eyes and in the folds beside the nose. */
  private shade(u: number, v: number): number {
    const { underEye } = this.plan.complexion
    const a = Math.abs(u)
    const ring = Math.exp(-(((a - 26) / 15) ** 2) - ((v + 12) / 6.5) ** 2)
    const lid = Math.exp(-(((a - 30) / 16) ** 2) - ((v - 6) / 5) ** 2)
    return underEye * (0.22 * ring + 0.15 * lid)
  }

  /** Small spots of many sizes, mostly on nose and cheeks. */
  private freckles(x: number, y: number, z: number, u: number, v: number): number {
    const { freckles } = this.plan.complexion
    const { seed } = this.plan
    if (freckles < 0.02) return 0
    const field = Math.exp(-((u / 48) ** 2) - ((v + 28) / 26) ** 2) + 0.25 * Math.exp(-(((v - 30) / 20) ** 2))
    let sum = 0
    for (const [spacing, share, strength] of [
      [3.1, 0.45, 0.42],
      [5.2, 0.4, 0.5],
      [2.1, 0.35, 0.25],
    ] as const) {
      cell(x / spacing, y / spacing, z / spacing, seed + 51 + Math.round(10 * spacing), this.found)
      if (this.found.value > share * field * freckles * 1.6) continue
      const radius = 0.12 + 0.22 * ((this.found.value * 37) % 1)
      sum += strength * smoothstep(radius * 1.5, radius * 0.5, this.found.nearest)
    }
    return sum
  }

  /** 0..1: where a beard grows. */
  private beardField(u: number, v: number): number {
    const jaw = smoothstep(-48, -72, v - 0.28 * Math.max(0, Math.abs(u) - 30))
    const lip = Math.exp(-((u / 21) ** 4) - ((v + 57) / 6.5) ** 2)
    const bare = Math.exp(-((u / 25) ** 2) - ((v + 71) / 7) ** 2)
    const burns =
      smoothstep(92, 102, Math.abs(u)) *
      smoothstep(118, 108, Math.abs(u)) *
      smoothstep(-60, -20, v) *
      smoothstep(20, 0, v)
    return Math.min(1, Math.max(0, Math.max(jaw, 0.95 * lip, burns) * (1 - 0.85 * bare)))
  }

  /** Dark dots of shaved hairs. */
  private stubble(x: number, y: number, z: number, u: number, v: number): number {
    const { stubble, hair } = this.plan.complexion
    const field = stubble === 0 ? 0 : this.beardField(u, v)
    if (field < 0.03) return 0
    cell(x / 0.8, y / 0.95, z / 0.8, this.plan.seed + 55, this.found)
    if (this.found.value > 0.85 * field) return 0
    return 0.75 * stubble * Math.min(2, hair) * smoothstep(0.24, 0.08, this.found.nearest)
  }

  /** Hairs below the skin give it a grey-blue cast. */
  private beard(u: number, v: number, albedo: number[]): void {
    const { beard } = this.plan.complexion
    if (beard === 0) return
    const patchy = 0.85 + 0.5 * octaves(u / 14, v / 14, 0.5, this.plan.seed + 56, 3)
    const cover = beard * this.beardField(u, v) * Math.max(0, patchy)
    for (let c = 0; c < 3; c++) albedo[c] *= Math.exp(-cover * [0.42, 0.34, 0.26][c])
  }

  /** Brows, lashes and the hair of the skull over the skin. */
  private hair(x: number, y: number, z: number, u: number, v: number, out: Look): void {
    const { complexion, seed } = this.plan
    const skull = smoothstep(-4, 7, hairDepth(x, y, z, this.plan))
    const drawn = z > 40 ? this.hairLayer.at(u, v) : 0
    if (skull <= 0.01 && drawn <= 0.01) return
    // Streaks along the way that hair grows: back from the brow and down the sides.
    const streak = octaves(x / 0.9, (y - z) / 7, z / 5, seed + 62, 3, 0.7)
    const thick = smoothstep(-0.25, 0.2, 1.6 * skull - 0.8 + 0.6 * streak) * Math.min(1, 2 * skull)
    // Brows turn grey later than the head, and are a little darker.
    const grey = complexion.grey * (1 + 0.5 * streak) * (drawn > thick ? 0.45 : 1)
    for (let c = 0; c < 3; c++) {
      const dark = Math.exp(-(complexion.hair + (drawn > thick ? 0.5 : 0)) * HAIR[c]) * GREY_HAIR
      const strand = Math.max(
        0.008,
        (dark + (GREY_HAIR * 0.8 - dark) * Math.max(0, Math.min(1, grey))) * (1 + 0.5 * streak),
      )
      const cover = Math.max(thick, drawn)
      out.albedo[c] += cover * (strand - out.albedo[c])
    }
    out.sheen *= 1 - 0.85 * Math.max(thick, drawn)
  }

  /** 1 on forehead, nose and chin, where skin shines. */
  private oily(u: number, v: number): number {
    const tZone = Math.exp(-((u / 26) ** 2)) * (v > -45 ? 1 : 0.4)
    return tZone + 0.4 * Math.exp(-(((Math.abs(u) - 40) / 15) ** 2) - ((v + 30) / 14) ** 2)
  }
}
