/** Runs one variant on one case and measures it, without files between. */

import type { Settings } from '../../src/engine/config.js'
import type { Case } from '../../src/engine/evaluate/cases.js'
import { type ScoredCase, scoreCase } from '../../src/engine/evaluate/score.js'
import { reconstruct } from '../../src/engine/reconstruct.js'
import type { Mesh } from '../../src/engine/stages.js'

export interface Measured {
  scored: ScoredCase
  /** Of the whole run. */
  seconds: number
}

/** @throws SiderError what the run or the truth's files are at fault for */
export async function measure(one: Case, settings: Settings): Promise<Measured> {
  const started = performance.now()
  const { fit, view, coarse, face3d, rest } = await reconstruct({ photo: one.image, settings })
  const seconds = (performance.now() - started) / 1000
  const scored = await scoreCase(one, {
    mesh: together(face3d, rest),
    coarse: fit.mesh,
    landmarks: undefined,
    maps: {
      camera: fit.camera,
      crop: fit.crop,
      depth: view.depth,
      normals: view.normals,
      coarseNormals: coarse.normals,
      render: view.colour,
      mask: view.mask,
    },
    run: undefined,
  })
  return { scored, seconds }
}

function together(a: Mesh, b: Mesh): Mesh {
  const first = a.positions.length / 3
  return {
    positions: Float32Array.from([...a.positions, ...b.positions]),
    indices: Uint32Array.from([...a.indices, ...b.indices.map((v) => v + first)]),
  }
}
