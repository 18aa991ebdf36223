/** Finds out what kind of head model a setting names, and loads it. */
import { stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { SiderError } from '../errors.js'
import type { HeadModel } from '../stages.js'
import { loadBuiltInHead } from './builtin.js'
import { loadFlame } from './flame.js'
import { ICT_NEUTRAL, loadIct } from './ict.js'

const HINT =
  "Use 'built-in', a FLAME file (generic_model.pkl, flame2023.pkl or .npz), or the FaceXModel folder of ICT-FaceKit."

/** Model files of FLAME's packages, in the order in which a folder is searched. */
const FLAME_FILES = [
  'generic_model.pkl',
  'flame2023.pkl',
  'flame2023_no_jaw.pkl',
  'FLAME_NEUTRAL.pkl',
  'FLAME_NEUTRAL.npz',
]

/**
 * Loads a morphable head.
 *
 * @param spec 'built-in'; a FLAME `.pkl` or `.npz` file, or a folder with one; an ICT-FaceKit folder (or its FaceXModel)
 * @throws SiderError HEAD_UNKNOWN where there is no such file or it is of no known kind, HEAD_INVALID where it is damaged,
 *   unsafe or incomplete
 */
export async function loadHead(spec = 'built-in'): Promise<HeadModel> {
  if (spec === 'built-in') return loadBuiltInHead()
  const info = await stat(spec).catch((cause: Error) => {
    throw unknown(spec, 'does not exist or cannot be read', cause)
  })
  if (info.isDirectory()) {
    for (const folder of [spec, join(spec, 'FaceXModel')])
      if (await isFile(join(folder, ICT_NEUTRAL))) return loadIct(folder)
    for (const name of FLAME_FILES) if (await isFile(join(spec, name))) return loadFlame(join(spec, name))
    throw unknown(spec, 'is a folder without a known head model')
  }
  const kind = extname(spec).toLowerCase()
  if (kind !== '.pkl' && kind !== '.npz') throw unknown(spec, `is of an unknown kind (${kind || 'no extension'})`)
  if (info.size === 0)
    throw new SiderError('HEAD_INVALID', `${spec} is empty`, { stage: 'head', hint: HINT, data: { path: spec } })
  return loadFlame(spec)
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile(),
    () => false,
  )
}

function unknown(path: string, what: string, cause?: Error): SiderError {
  return new SiderError('HEAD_UNKNOWN', `the head model ${path} ${what}`, {
    stage: 'head',
    hint: HINT,
    data: { path },
    cause,
  })
}
