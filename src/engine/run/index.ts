/** The run service on the real stages. */
import { writeOutputs } from '../outputs/index.js'
import { runStages } from '../reconstruct.js'
import { type RunOptions, runFace } from './service.js'
import type { Reconstruction } from './types.js'

/** Reconstructs one face of a photo into a folder of results. @throws SiderError as `runFace` */
export const reconstructInto = (options: RunOptions): Promise<Reconstruction> =>
  runFace({ stages: runStages, write: writeOutputs }, options)
