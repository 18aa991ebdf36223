/** Close-ups of a head: what is looked at, from where, and with which shape keys. */
import type { ShownPart } from './glb-parts.js'

export interface Shot {
  name: string
  /** All at 1. */
  keys: string[]
  /** What the camera looks at, metres, glTF axes. */
  center: [number, number, number]
  /** Of what fills the picture, metres. */
  radius: number
  /** Degrees from straight ahead: to the subject's left, upwards. */
  yaw: number
  pitch: number
}

/** Keys by the names that the sheet has for them. */
const KEYS: Record<string, string[]> = {
  rest: [],
  jawOpen: ['jawOpen'],
  blink: ['eyeBlinkLeft', 'eyeBlinkRight'],
  smile: ['mouthSmileLeft', 'mouthSmileRight'],
  pucker: ['mouthPucker'],
  lookUp: ['eyeLookUpLeft', 'eyeLookUpRight'],
  browUp: ['browInnerUp', 'browOuterUpLeft', 'browOuterUpRight'],
}

/** What is looked at, and with which keys by default. */
const VIEWS = {
  eye: ['rest', 'blink', 'lookUp', 'smile'],
  brow: ['rest', 'browUp'],
  corner: ['rest', 'jawOpen', 'smile', 'pucker'],
  teeth: ['jawOpen', 'smile'],
  ear: ['rest'],
  neck: ['rest', 'jawOpen'],
  head: ['rest'],
}
export type View = keyof typeof VIEWS
export const VIEW_NAMES = Object.keys(VIEWS) as View[]

/** The shots of a head. @param all every view with every key */
export function shotsOf(parts: ShownPart[], points: number[][], views: readonly View[], all: boolean): Shot[] {
  return views.flatMap((view) => {
    const frame = framing(view, parts, points)
    return (all ? Object.keys(KEYS) : VIEWS[view]).map((key) => ({ name: `${view} ${key}`, keys: KEYS[key], ...frame }))
  })
}

/** @param points iBUG 68, metres */
function framing(view: View, parts: ShownPart[], points: number[][]): Omit<Shot, 'name' | 'keys'> {
  const middle = (from: number, to: number): [number, number, number] => {
    const some = points.slice(from, to)
    return [0, 1, 2].map((k) => some.reduce((sum, point) => sum + point[k], 0) / some.length) as [
      number,
      number,
      number,
    ]
  }
  switch (view) {
    case 'eye': // the subject's left one
      return { center: middle(42, 48), radius: 0.021, yaw: 12, pitch: 0 }
    case 'brow':
      return { center: middle(22, 27), radius: 0.03, yaw: 12, pitch: 0 }
    case 'corner':
      return { center: points[54] as [number, number, number], radius: 0.021, yaw: 25, pitch: 0 }
    case 'teeth':
      return { center: middle(48, 60), radius: 0.036, yaw: 0, pitch: 0 }
    case 'ear':
      return { center: ear(parts), radius: 0.045, yaw: 80, pitch: 0 }
    case 'neck': {
      const [x, y, z] = points[8]
      return { center: [x, y - 0.025, z - 0.03], radius: 0.075, yaw: 25, pitch: -12 }
    }
    default:
      return { center: [0, -0.02, 0.02], radius: 0.14, yaw: 20, pitch: 0 }
  }
}

/** The middle of what sticks out farthest to the subject's left. */
function ear(parts: ShownPart[]): [number, number, number] {
  const { positions } = parts.find(({ name }) => name === 'face')!.mesh
  let most = 0
  for (let i = 0; i < positions.length; i += 3) most = Math.max(most, positions[i])
  const sum = [0, 0, 0]
  let count = 0
  for (let i = 0; i < positions.length; i += 3) {
    if (positions[i] < most - 0.008) continue
    for (let k = 0; k < 3; k++) sum[k] += positions[i + k]
    count++
  }
  return sum.map((value) => value / count) as [number, number, number]
}

/** Points of a result's landmarks.json. */
export const pointsOf = (landmarks: unknown): number[][] => (landmarks as { points3d: number[][] }).points3d
