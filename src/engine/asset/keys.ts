/**
 * Shape keys: for each expression of the head model, how the finished mesh moves as the expression becomes as strong as it can
 * be: on a neutral head by the whole expression, on a smiling one by what is missing from the smile. The detail rides along: it keeps its height over the skin and turns with it.
 */
import type { Side } from '../evidence/layouts.js'
import { vertexNeighbors } from '../geometry/mesh.js'
import { vertexNormals } from '../geometry/normals.js'
import { HEAD_PARTS, type Mesh } from '../stages.js'
import { ARKIT, type DrawingBoard, JAW_OPEN } from './arkit.js'
import { type Lid, openness, roomAbove } from './lids.js'
import { followJaw, type Mouth, mouthGap, mouthOf } from './mouth.js'

/** Movements below this do not count, metres: they would make files large. */
export const STILL = 2e-5
/** The same for the change of a unit normal. */
const UNTURNED = 0.004
/** Normals by area and by angle whose cosine is less belong to a crease. */
const ALIKE = 0.995
/** A key changes its coefficient by at least this, also where the photo shows the expression already. */
const LEAST_KEY = 0.1
/** Rims that a key brings as near as this are shut, metres; where its unit does not, more of it does, by so much of it at most. */
const SHUT = 0.001
const MOST_MORE = 0.6
/** How deep the closed mouth's sheet sinks in as the lips part, as a share of the gap. */
const CAVITY = 1.2

export interface ShapeKey {
  name: string
  /** [vertices, 3] metres at weight 1. */
  displacements: Float32Array
  /** [vertices, 3] change of the unit normal at weight 1. */
  normals: Float32Array
}

/** What a key leads to. */
export interface KeyPose {
  name: string
  /** [expressions] of the head model. */
  expression: Float64Array
  /** [model vertices, 3] metres, beyond the expression. */
  movement?: Float32Array
  /** 0..1: how far the tongue is put out. */
  tongueOut: number
  /** Whether lips may pass each other: the key is made to be added to an open jaw. */
  underOpenJaw?: boolean
}

/** The head model's expressions, and the one that the mesh shows. */
export interface Expressions {
  names: readonly string[]
  /** [expressions, 2] */
  range: Float32Array
  /** [expressions] */
  shown: Float64Array
}

/** The lids of the head that keys are made for, in an expression. */
export interface Lids {
  lid(side: Side, expression: Float64Array): Lid
  /** Metres from rim to rim where the eye is most open. */
  gap(side: Side, expression: Float64Array): number
}

/** ARKit's 52 keys, for models that have the units they are made of. A model that has a unit for what is drawn otherwise uses that. */
export function arkitPoses({ names, shown }: Expressions, board: DrawingBoard, lids: Lids): KeyPose[] {
  const before = { Left: lids.lid('Left', shown), Right: lids.lid('Right', shown) }
  return ARKIT.map((recipe) => {
    const { name, without = [], underOpenJaw, raises, shuts } = recipe
    const whole = recipe.movement && names.includes(name)
    const units = whole ? { [name]: 1 } : recipe.units
    const movement = whole ? undefined : recipe.movement
    const expression = shown.slice()
    for (const unit of without) expression[names.indexOf(unit)] = 0
    for (const [unit, strength] of Object.entries(units)) {
      const k = names.indexOf(unit)
      expression[k] = Math.max(strength, shown[k] + LEAST_KEY)
    }
    if (shuts) {
      const k = names.indexOf(name)
      const [from, to] = [shown[k], expression[k]].map((strength) => lids.gap(shuts, expression.with(k, strength)))
      // the unit shuts the eyes of the mean head, not wider ones
      if (to > SHUT && from > to)
        expression[k] += (expression[k] - shown[k]) * Math.min(MOST_MORE, (to - SHUT) / (from - to))
    }
    if (raises) {
      const own = before[raises.side]
      const room = Math.max(raises.least, roomAbove(own, lids.lid(raises.side, expression)))
      const share = raises.staysShut ? room * openness(own) : room
      for (const k of expression.keys()) expression[k] = shown[k] + share * (expression[k] - shown[k])
    }
    return {
      name,
      expression,
      movement: movement?.(board),
      tongueOut: name === 'tongueOut' ? 1 : 0,
      underOpenJaw,
    }
  })
}

/** One key for each of the model's own expressions, after those of `others`, which lead to whole ones such as the neutral one. */
export function modelPoses({ names, range, shown }: Expressions, others: Record<string, Float64Array>): KeyPose[] {
  const single = names.map((name, k): [string, Float64Array] => {
    const expression = shown.slice()
    const most = Math.min(range[2 * k + 1], name === 'jawOpen' ? JAW_OPEN : Number.POSITIVE_INFINITY)
    expression[k] = Number.isFinite(most) ? Math.max(most, shown[k] + LEAST_KEY) : shown[k] + 1
    return [name, expression]
  })
  return [...Object.entries(others), ...single].map(([name, expression]) => ({ name, expression, tongueOut: 0 }))
}

/** How the closed head moves, from the mesh `rest` to where `pose` takes it: with what the linear expressions leave out. */
export class SkinMover {
  private readonly cavity: Float32Array
  private readonly mouth: Mouth | undefined

  /** @param parts [vertices] HEAD_PARTS */
  constructor(
    private readonly rest: Mesh,
    parts: Uint8Array,
    private readonly settle: (pose: KeyPose) => Float32Array,
  ) {
    this.cavity = mouthDepth(rest, parts)
    this.mouth = mouthOf(rest.positions, parts)
  }

  /** [vertices, 3] positions at the end of a key. */
  target(pose: KeyPose): Float32Array {
    const { mouth, cavity } = this
    const { positions } = this.rest
    const out = this.settle(pose)
    if (!mouth) return out
    for (let i = 0; i < out.length; i++) out[i] -= positions[i]
    const gap = mouthGap(mouth, positions, out)
    if (gap > 0 && pose.name === 'jawOpen') followJaw(out, positions, mouth, gap)
    // inwards as the lips part, so that there is a mouth and not a skin across it
    if (gap > 0) for (const v of mouth.sheet) out[3 * v + 2] -= CAVITY * gap * cavity[v]
    for (let i = 0; i < out.length; i++) out[i] += positions[i]
    return out
  }
}

/** Makes keys of a mesh from where they take it. */
export class KeyMaker {
  /** [vertices, 3] what the normals of a key's end are a change of. */
  private readonly before: Float32Array
  /** [vertices, 3] unit, of the mesh at rest. */
  readonly normals: Float32Array

  constructor(private readonly rest: Mesh) {
    // by area on both sides: faster, and what differs is only the change
    this.before = vertexNormals(rest, 'area')
    // in a crease it may differ by any angle from the normal that is added to
    const shown = vertexNormals(rest)
    this.normals = shown
    for (let i = 0; i < shown.length; i += 3) {
      const turn = shown[i] * this.before[i] + shown[i + 1] * this.before[i + 1] + shown[i + 2] * this.before[i + 2]
      if (turn < ALIKE) this.before.set(shown.subarray(i, i + 3), i)
    }
  }

  /** The key that leads to `target` [vertices, 3]; undefined where nothing moves. */
  key(name: string, target: Float32Array): ShapeKey | undefined {
    const { positions, indices } = this.rest
    const displacements = target.slice()
    for (let i = 0; i < displacements.length; i++) displacements[i] -= positions[i]
    if (withoutSmall(displacements, STILL) === 0) return undefined
    const there = positions.slice()
    for (let i = 0; i < there.length; i++) there[i] += displacements[i]
    const turned = turnedBy(displacements, indices)
    const normals = vertexNormals({ positions: there, indices }, 'area', turned)
    for (let i = 0; i < normals.length; i++) normals[i] = turned[Math.floor(i / 3)] ? normals[i] - this.before[i] : 0
    withoutSmall(normals, UNTURNED)
    return { name, displacements, normals }
  }
}

/** [vertices] 1 at the corners of triangles of which one moves. */
function turnedBy(displacements: Float32Array, indices: Uint32Array): Uint8Array {
  const moves = new Uint8Array(displacements.length / 3)
  for (let i = 0; i < displacements.length; i++) if (displacements[i] !== 0) moves[Math.floor(i / 3)] = 1
  const out = new Uint8Array(moves.length)
  for (let t = 0; t < indices.length; t += 3) {
    const [a, b, c] = [indices[t], indices[t + 1], indices[t + 2]]
    if (moves[a] || moves[b] || moves[c]) out[a] = out[b] = out[c] = 1
  }
  return out
}

/** Sets rows [n, 3] that are shorter than `least` to 0, in place. @returns how many are not */
function withoutSmall(rows: Float32Array, least: number): number {
  let left = 0
  for (let i = 0; i < rows.length; i += 3) {
    const x = rows[i]
    const y = rows[i + 1]
    const z = rows[i + 2]
    if (x * x + y * y + z * z < least * least) rows[i] = rows[i + 1] = rows[i + 2] = 0
    else left++
  }
  return left
}

/** [vertices] 0 at the lips, 1 in the middle of the sheet between them. */
function mouthDepth(mesh: Mesh, parts: Uint8Array): Float32Array {
  const { start, neighbors } = vertexNeighbors(mesh)
  const depth = new Float32Array(parts.length)
  let inside = [...parts.keys()].filter((v) => parts[v] === HEAD_PARTS.mouth)
  let most = 0
  for (let ring = 1; inside.length > 0; ring++) {
    const border = inside.filter((v) =>
      neighbors.subarray(start[v], start[v + 1]).some((w) => parts[w] !== HEAD_PARTS.mouth || depth[w] > 0),
    )
    if (border.length === 0) break
    for (const v of border) depth[v] = ring
    most = ring
    inside = inside.filter((v) => depth[v] === 0)
  }
  if (most === 0) return depth
  return depth.map((ring) => (ring === 0 ? 0 : Math.sin(((ring / most) * Math.PI) / 2)))
}
