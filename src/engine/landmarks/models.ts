/**
 * The networks: two of the npm package `@vladmandic/human` (MIT), and `assets/landmarks/` (see PROVENANCE.md there); all converted from
 * Google's MediaPipe (Apache-2.0).
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type GraphProgram, loadGraphProgram, type PortableBackend } from '../compute/tfjs.js'
import { SiderError } from '../errors.js'

export interface LandmarkNetworks {
  /** [1, 256, 256, 3] in -1..1 → scores and boxes of 896 anchors. */
  blazeface: GraphProgram
  /** [1, 192, 192, 3] in 0..1 → 468 points (x, y, z) in input pixels, face presence 0..1, 133 contour points. */
  facemesh: GraphProgram
  /**
   * [1, 192, 192, 3] in 0..1 → 80 lip points, 71 points of each eye, 5 of each iris (x, y), 468 coarse points (x, y, z), all in
   * input pixels.
   */
  attention: GraphProgram
}

/** Folder of the package's model files. Only these are used: the package's own code is never loaded. */
function modelFolder(): string {
  try {
    const entry = createRequire(import.meta.url).resolve('@vladmandic/human')
    return join(dirname(dirname(entry)), 'models')
  } catch (cause) {
    throw new SiderError('COMPUTE_FAILED', 'the landmark networks are missing (npm package @vladmandic/human)', {
      stage: 'setup',
      hint: 'Run npm ci again.',
      cause,
    })
  }
}

const ATTENTION = fileURLToPath(new URL('../../../assets/landmarks/face-attention', import.meta.url))

/** Loads the networks for one tfjs backend. */
export async function loadNetworks(backend: PortableBackend): Promise<LandmarkNetworks> {
  const folder = modelFolder()
  const load = (path: string): Promise<GraphProgram> => loadGraphProgram(`${path}.json`, `${path}.bin`, backend)
  return {
    blazeface: await load(join(folder, 'blazeface')),
    facemesh: await load(join(folder, 'facemesh')),
    attention: await load(ATTENTION),
  }
}
