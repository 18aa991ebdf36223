/** The fitted head of a result at rest, from the coefficients that it was written with. */
import { existsSync } from 'node:fs'
import { invalidFile } from '../formats/read-mesh.js'
import { posedMesh } from '../head/fit-mesh.js'
import { loadHead } from '../head/load.js'
import { HEAD_PARTS, type HeadModel } from '../stages.js'
import { readJson } from './truth.js'

const loaded = new Map<string, Promise<HeadModel | undefined>>()

/**
 * The face region at rest of the head in a `head.json`; undefined where there is no such file, or its head model cannot be loaded here.
 * @throws SiderError RESULT_INVALID
 */
export async function restingFace(path: string): Promise<{ model: string; face: Float64Array } | undefined> {
  if (!existsSync(path)) return undefined
  const { head, scale, identity } = ((await readJson(path, 'RESULT_INVALID')) ?? {}) as {
    head?: unknown
    scale?: unknown
    identity?: unknown
  }
  if (
    typeof head !== 'string' ||
    typeof scale !== 'number' ||
    !Array.isArray(identity) ||
    !identity.every(Number.isFinite)
  )
    throw invalidFile('RESULT_INVALID', path, 'head (a name or path), scale and identity (numbers) are needed')
  if (!loaded.has(head))
    loaded.set(
      head,
      loadHead(head).catch(() => undefined),
    )
  const model = await loaded.get(head)
  return model && { model: head, face: faceAtRest(model, identity, scale) }
}

/** [n, 3] the skin of the face region of a head without expression, in its own frame, times `scale`. */
export function faceAtRest(model: HeadModel, identity: ArrayLike<number>, scale: number): Float64Array {
  const inside = new Uint8Array(model.parts.length)
  model.faceRegion.forEach((region, t) => {
    if (region) for (let k = 0; k < 3; k++) inside[model.indices[3 * t + k]] = 1
  })
  const { positions } = posedMesh(model, identity, [])
  return Float64Array.from(
    [...inside.keys()]
      .filter((v) => inside[v] && model.parts[v] === HEAD_PARTS.skin)
      .flatMap((v) => [0, 1, 2].map((k) => scale * positions[3 * v + k])),
  )
}
