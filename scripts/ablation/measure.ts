/** Runs one variant on one case and measures it, without files between. */

import type { Settings } from '../../src/engine/config.js'
import { SiderError } from '../../src/engine/errors.js'
import type { Case } from '../../src/engine/evaluate/cases.js'
import { type ScoredCase, scoreCase } from '../../src/engine/evaluate/score.js'
import { reconstruct } from '../../src/engine/reconstruct.js'

export interface Measured {
  scored: ScoredCase
  /** Of the whole run. */
  seconds: number
}

/**
 * A method may need an idea so much that it diverges without: then the answer is the error that says so.
 * @throws SiderError what else the run or the truth's files are at fault for
 */
export async function measure(one: Case, settings: Settings): Promise<Measured | SiderError> {
  const started = performance.now()
  const run = await reconstruct({ photo: one.image, settings }).catch((error: unknown) => {
    if (error instanceof SiderError && error.code === 'DIVERGED') return error
    throw error
  })
  if (run instanceof SiderError) return run
  const { fit, view, coarse, asset } = run
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
