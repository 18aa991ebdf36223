/** Spots of the skin: moles (dark, some raised), pimples (red, raised) and scars, scattered over the face chart. */

import type { Rng } from '../geometry/rng.js'
import { smoothstep } from '../geometry/smoothstep.js'
import type { Point } from './chart.js'
import type { PortraitPlan } from './plan.js'

interface Spot {
  place: Point
  /** mm */
  radius: number
  /** mm; negative for a dent */
  height: number
  /** Added to the skin's melanin and blood. */
  melanin: number
  blood: number
}

/** Spots by place. */
export class Marks {
  constructor(private readonly spots: readonly Spot[]) {}

  /** Height at a chart place, mm. */
  height(u: number, v: number): number {
    let sum = 0
    for (const { place, radius, height } of this.spots) {
      const r = Math.hypot(u - place[0], v - place[1]) / radius
      if (height !== 0 && r < 1.4) sum += height * smoothstep(1.4, 0, r)
    }
    return sum
  }

  /** What the spots add to melanin and blood at a chart place. */
  colour(u: number, v: number): [melanin: number, blood: number] {
    let [melanin, blood] = [0, 0]
    for (const spot of this.spots) {
      const r = Math.hypot(u - spot.place[0], v - spot.place[1]) / spot.radius
      if (r >= 1.5) continue
      const inside = smoothstep(1.15, 0.75, r)
      melanin += spot.melanin * inside
      blood += spot.blood * smoothstep(1.5, 0.2, r)
    }
    return [melanin, blood]
  }
}

export function scatterMarks({ complexion, relief }: PortraitPlan, rng: Rng): Marks {
  const place = (): Point => {
    // Anywhere on the face but the eyes and the mouth.
    for (;;) {
      const [u, v] = [rng.uniform(-70, 70), rng.uniform(-110, 48)]
      const eyes = Math.hypot((Math.abs(u) - 30) / 20, (v + 1) / 13)
      const mouth = Math.hypot(u / 30, (v + 71) / 11)
      if (eyes > 1 && mouth > 1) return [u, v]
    }
  }
  const spots: Spot[] = []
  for (let i = 0; i < complexion.moles; i++) {
    const raised = rng.uniform() < 0.4
    const radius = raised ? rng.uniform(1, 2.1) : rng.uniform(0.5, 1.5)
    spots.push({
      place: place(),
      radius,
      height: raised ? rng.uniform(0.3, 0.9) : 0,
      melanin: rng.uniform(0.7, 1.9),
      blood: 0.2,
    })
  }
  for (let i = 0; i < relief.spots; i++) {
    const healed = rng.uniform() < 0.35
    spots.push({
      place: place(),
      radius: rng.uniform(1, 2.4),
      height: healed ? -rng.uniform(0.1, 0.35) : rng.uniform(0.15, 0.5),
      melanin: healed ? 0.05 : 0,
      blood: healed ? 0.1 : rng.uniform(0.35, 0.9),
    })
  }
  return new Marks(spots)
}
