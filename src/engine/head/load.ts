/** Finds out what kind of head model a setting names, and loads it. */
import { readFile, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { SiderError } from '../errors.js'
import { invalidHead } from '../formats/pickle-values.js'
import type { HeadModel } from '../stages.js'
import { task } from '../threads/task.js'
import { loadBuiltInHead } from './builtin.js'
import { loadFlame } from './flame.js'
import { isGnmContainer, readGnmContainer } from './gnm/container.js'
import { loadGnm } from './gnm/load.js'
import { GNM_MARK, readGnmNpz } from './gnm/npz.js'
import { ICT_NEUTRAL, loadIct } from './ict.js'
import { headPath, isFile } from './installed.js'
import { readHeadNpz } from './numpy.js'

const HINT =
  "Use 'built-in', GNM Head (gnm_head.npz; sider head add gnm fetches it), a FLAME file (generic_model.pkl, flame2023.pkl or .npz), or the FaceXModel folder of ICT-FaceKit."

/** Model files of GNM's and FLAME's packages, in the order in which a folder is searched. */
const FILES = [
  'gnm_head.npz',
  'gnm_head_web.bin',
  'generic_model.pkl',
  'flame2023.pkl',
  'flame2023_no_jaw.pkl',
  'FLAME_NEUTRAL.pkl',
  'FLAME_NEUTRAL.npz',
]
/** The largest file that is opened, bytes: those of models have up to a hundred million. */
const MAX_FILE = 2 ** 30

/**
 * Loads a morphable head.
 *
 * @param spec 'built-in'; the name of a model that was added; a GNM Head file; a FLAME `.pkl` or `.npz` file; a folder with one of them; an ICT-FaceKit folder (or its
 *   FaceXModel)
 * @throws SiderError HEAD_UNKNOWN where there is no such file or it is of no known kind, HEAD_INVALID where it is damaged,
 *   unsafe or incomplete
 */
export async function loadHead(spec: string = 'built-in'): Promise<HeadModel> {
  if (spec === 'built-in') return loadBuiltInHead()
  const path = await headPath(spec)
  const info = await stat(path).catch((cause: Error) => {
    throw unknown(path, 'does not exist or cannot be read', cause)
  })
  if (!info.isDirectory()) return loadFile(path)
  for (const folder of [path, join(path, 'FaceXModel')])
    if (await isFile(join(folder, ICT_NEUTRAL))) return loadIct(folder)
  for (const name of FILES) if (await isFile(join(path, name))) return loadFile(join(path, name))
  throw unknown(path, 'is a folder without a known head model')
}

export const LOAD_HEAD = task(import.meta.url, loadHead)

/** By content where a file says what it is, else by the name's ending. */
async function loadFile(path: string): Promise<HeadModel> {
  const { size } = await stat(path)
  if (size === 0) throw invalidHead(path, 'it is empty', HINT)
  if (size > MAX_FILE) throw invalidHead(path, `${Math.round(size / 2 ** 20)} MiB are more than a head model has`, HINT)
  const bytes = await readFile(path).catch((cause: Error) => {
    throw unknown(path, 'cannot be read', cause)
  })
  if (isGnmContainer(bytes)) return loadGnm(readGnmContainer(bytes, path), path)
  const kind = extname(path).toLowerCase()
  if (kind === '.npz') {
    const npz = readHeadNpz(bytes, path)
    if (npz.names.includes(GNM_MARK)) return loadGnm(readGnmNpz(npz, path), path)
  } else if (kind !== '.pkl') throw unknown(path, `is of an unknown kind (${kind || 'no extension'})`)
  return loadFlame(path, bytes)
}

function unknown(path: string, what: string, cause?: Error): SiderError {
  return new SiderError('HEAD_UNKNOWN', `the head model ${path} ${what}`, {
    stage: 'head',
    hint: { cli: HINT },
    data: { path },
    cause,
  })
}
