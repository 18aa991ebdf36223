/** The three networks of the npm package `@vladmandic/human` (MIT), converted from Google's MediaPipe (Apache-2.0). */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { type GraphProgram, loadGraphProgram, type PortableBackend } from '../compute/tfjs.js'
import { SiderError } from '../errors.js'

export interface LandmarkNetworks {
  /** [1, 256, 256, 3] in -1..1 → scores and boxes of 896 anchors. */
  blazeface: GraphProgram
  /** [1, 192, 192, 3] in 0..1 → 468 points (x, y, z) in input pixels, face presence 0..1, 133 contour points. */
  facemesh: GraphProgram
  /** [1, 64, 64, 3] in 0..1, a subject's right eye → 71 eye points and 5 iris points (x, y, z) in input pixels. */
  iris: GraphProgram
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

/** Loads the networks for one tfjs backend. */
export async function loadNetworks(backend: PortableBackend): Promise<LandmarkNetworks> {
  const folder = modelFolder()
  const load = (name: string): Promise<GraphProgram> =>
    loadGraphProgram(join(folder, `${name}.json`), join(folder, `${name}.bin`), backend)
  return { blazeface: await load('blazeface'), facemesh: await load('facemesh'), iris: await load('iris') }
}
