/** Makes a head model of a GNM Head file (data.ts says what is in it and how that is known). */
import { basename } from 'node:path'
import { invalidHead } from '../../formats/pickle-values.js'
import { HEAD_PARTS, type HeadInterior, type HeadModel, INTERIOR_PARTS, type Skinning } from '../../stages.js'
import { annotateHead } from '../annotate.js'
import { MAX_EXPRESSION, MAX_IDENTITY } from '../fit.js'
import { type Basis, GNM_HINT, type GnmData, type GnmJoints } from './data.js'
import { embedLandmarks, LANDMARK_FILE, landmarksBeside } from './landmarks.js'
import { headLayout, interiorLayout, type PieceLayout } from './layout.js'
import { type Piece, piece, rowsOf, type VertexKind, vertexKinds } from './pieces.js'

/**
 * Loads GNM Head.
 *
 * The head is the skin without the mouth's lining, and both layers of the eyes; teeth, gums, tongue and lining are its interior. Of
 * the components those are kept that move the skin most, as many as the head fit looks at (GNM has three to five times as many), in
 * the order of how much they move it: GNM's own order begins with a hundred components of the left eye. Expressions that leave the
 * skin alone (tongue, pupils) follow them. Identity components that do (eyes, teeth) stay at the mean: no photo tells them.
 *
 * @param data what the file at `path` holds; head_sparse_68.txt is looked for beside it
 * @throws SiderError HEAD_INVALID
 */
export async function loadGnm(data: GnmData, path: string): Promise<HeadModel> {
  const kinds = vertexKinds(data, path)
  const head = piece(data, kinds, (corners) => corners.every((kind) => kind === 'skin' || kind === 'eye'))
  const skin = head.vertices.filter((v) => kinds[v] === 'skin')
  if (skin.length === 0) throw invalidHead(path, 'there is no skin on this head', GNM_HINT)
  const identity = byStrength(data.identity, skin, path)
  const expression = byStrength(data.expression, skin, path)
  const strongest = identity.moving.slice(0, MAX_IDENTITY)
  const kept = { identity: strongest, expression: [...expression.moving.slice(0, MAX_EXPRESSION), ...expression.still] }

  const own = data.landmarks ?? (await landmarksBeside(path))
  const count = kept.expression.length
  return annotateHead({
    name: 'GNM Head',
    provenance: `GNM Head (${data.source}) from ${basename(path)}, Google; Apache-2.0${own ? '' : NO_LANDMARKS}`,
    mean: rowsOf(head, data.template),
    indices: head.indices,
    identity: gathered(data.identity, kept.identity, head),
    identityCount: kept.identity.length,
    expression: gathered(data.expression, kept.expression, head),
    expressionCount: count,
    expressionSigma: new Float32Array(count).fill(1),
    expressionRange: Float32Array.from({ length: 2 * count }, (_, i) => (i % 2 ? Infinity : -Infinity)),
    expressionNames: kept.expression.map((k) => data.expression.names[k]),
    ...headLayout(data, head, kinds),
    landmarks68: own && embedLandmarks(own, data.template, head, path),
    parts: Uint8Array.from(head.vertices, (v) => (kinds[v] === 'eye' ? HEAD_PARTS.eyeball : HEAD_PARTS.skin)),
    skinning: data.joints && skinningOf(data.joints, kept, head),
    interior: interiorOf(data, kinds, head, kept),
  })
}

const NO_LANDMARKS = `; landmarks found by shape alone: put ${LANDMARK_FILE} of google/GNM beside the model for exact ones`

/** Numbers of the components that are kept, in the model's order. */
interface Kept {
  identity: number[]
  expression: number[]
}

/** A component leaves the skin alone if less than this share of its movement (squared) is the skin's. */
const STILL = 1e-4

/** Components that move the skin, by how much they do, and those that leave it alone. */
function byStrength(basis: Basis, skin: Uint32Array, path: string): { moving: number[]; still: number[] } {
  const strength = Array.from({ length: basis.count }, (_, k) => {
    const row = basis.row(k)
    const all = row.reduce((sum, x) => sum + x * x, 0)
    if (!Number.isFinite(all)) throw invalidHead(path, `component ${basis.names[k]} is not finite`, GNM_HINT)
    const own = skin.reduce((sum, v) => sum + row[3 * v] ** 2 + row[3 * v + 1] ** 2 + row[3 * v + 2] ** 2, 0)
    return { k, own, still: own < STILL * all }
  })
  const moving = strength.filter(({ own, still }) => own > 0 && !still).sort((a, b) => b.own - a.own)
  return { moving: moving.map(({ k }) => k), still: strength.filter(({ still }) => still).map(({ k }) => k) }
}

function gathered(basis: Basis, components: number[], part: Piece): Float32Array {
  const size = 3 * part.vertices.length
  const out = new Float32Array(components.length * size)
  components.forEach((k, i) => {
    rowsOf(part, basis.row(k), out, i * size)
  })
  return out
}

function skinningOf(
  { names, parents, positions, identity, weights, correctives }: GnmJoints,
  kept: Kept,
  head: Piece,
): Skinning {
  const joints = names.length
  const count = weights.length / joints
  const at = new Float32Array(joints * head.vertices.length)
  head.vertices.forEach((v, i) => {
    for (let j = 0; j < joints; j++) at[i * joints + j] = weights[j * count + v]
  })
  // The root turns with the whole head, whose pose is fitted beside the joints: its correctives, the first nine, are never asked for.
  const shapes = 9 * (joints - 1)
  const corrected = correctives && {
    count: shapes,
    names: [],
    row: (e: number) => correctives.subarray((9 + e) * 3 * count, (10 + e) * 3 * count),
  }
  return {
    joints: names.map((name, j) => ({ name, parent: j === 0 ? -1 : parents[j] })),
    rest: {
      mean: positions.slice(),
      identity: Float32Array.from(
        kept.identity.flatMap((k) => [...identity.subarray(k * joints * 3, (k + 1) * joints * 3)]),
      ),
      expression: new Float32Array(kept.expression.length * joints * 3),
    },
    weights: at,
    poseBlendshapes: corrected && gathered(corrected, [...Array(shapes).keys()], head),
  }
}

/** Kinds of the mouth's inside that the file must tell apart. */
const INSIDE: Partial<Record<VertexKind, number>> = {
  upperTeeth: INTERIOR_PARTS.upperTeeth,
  lowerTeeth: INTERIOR_PARTS.lowerTeeth,
  gums: INTERIOR_PARTS.gums,
  tongue: INTERIOR_PARTS.tongue,
  lining: INTERIOR_PARTS.lining,
}

/** Teeth, gums, tongue and lining. The lining's rim is the lips' skin, which the head has too: the seam. */
function interiorOf(data: GnmData, kinds: VertexKind[], head: Piece, kept: Kept): HeadInterior | undefined {
  const part = piece(data, kinds, (corners) => corners.some((kind) => kind in INSIDE))
  const layout: PieceLayout = interiorLayout(data, part, kinds)
  if (part.indices.length === 0) return undefined
  const ofHead = new Map(Array.from(head.vertices, (v, i) => [v, i]))
  const seam = [...part.vertices].flatMap((v, i) => (ofHead.has(v) ? [i, ofHead.get(v)!] : []))
  return {
    mean: rowsOf(part, data.template),
    indices: part.indices,
    identity: gathered(data.identity, kept.identity, part),
    expression: gathered(data.expression, kept.expression, part),
    uv: layout.uv ?? new Float32Array(0),
    uvIndices: layout.uvIndices ?? new Uint32Array(0),
    reduced: undefined,
    parts: Uint8Array.from(part.vertices, (v) => INSIDE[kinds[v]] ?? INTERIOR_PARTS.lining),
    tongueOut: undefined,
    seam: Uint32Array.from(seam),
  }
}
