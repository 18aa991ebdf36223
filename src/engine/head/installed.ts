/**
 * Head models in the user's data folder: `sider head add` puts them there, and their names stand for them where a model is named. A
 * folder a model, `heads/NAME` of `$XDG_DATA_HOME/sider` (by default ~/.local/share/sider), with the model's files.
 */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { SiderError } from '../errors.js'
import { defaultDataFolder } from '../system/data-folder.js'
import { KNOWN_HEADS } from './known-models.js'

/** Where head models are kept. */
export function headsFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return join(defaultDataFolder(environment), 'heads')
}

/**
 * The file of a head model's name; anything but a known name is returned as it is.
 * @throws SiderError HEAD_UNKNOWN where the model of that name was not added
 */
export async function headPath(spec: string): Promise<string> {
  if (!Object.hasOwn(KNOWN_HEADS, spec)) return spec
  const path = modelFile(spec)
  if (await isFile(path)) return path
  throw new SiderError('HEAD_UNKNOWN', `the head model ${spec} is not on this machine`, {
    stage: 'head',
    hint: { cli: `Fetch it with: sider head add ${spec}` },
    data: { path },
  })
}

/** Where the file of a known head model is, or would be. */
export const modelFile = (name: string): string => join(headsFolder(), name, KNOWN_HEADS[name].files[0].name)

export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile(),
    () => false,
  )
}
