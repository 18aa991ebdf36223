/** Runs one variant on one case and measures it, without files between. */

import type { Settings } from '../../src/engine/config.js'
import type { Case } from '../../src/engine/evaluate/cases.js'
import { type ScoredCase, scoreCase } from '../../src/engine/evaluate/score.js'
import { reconstruct } from '../../src/engine/reconstruct.js'

export interface Measured {
  scored: ScoredCase
  /** Of the whole run. */
  seconds: number
}

/** @throws SiderError what the run or the truth's files are at fault for */
export async function measure(one: Case, settings: Settings): Promise<Measured> {
  const started = performance.now()
  const { fit, view, coarse, asset } = await reconstruct({ photo: one.image, settings })
  const seconds = (performance.now() - started) / 1000
  const scored = await scoreCase(one, {
    mesh: asset.whole.mesh,
    coarse: fit.mesh,
    landmarks: undefined,
    openings: undefined,
    rest: undefined,
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
