import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where what outlasts a run is kept (a server's jobs, head models): `sider` in the user's data folder, by the rules of XDG. */
export function defaultDataFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment['XDG_DATA_HOME'] || join(homedir(), '.local', 'share'), 'sider')
}
