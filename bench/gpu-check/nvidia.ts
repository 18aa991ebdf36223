/** What NVIDIA's driver tells of the GPU; undefined where there is none. */
import { spawnSync } from 'node:child_process'

let missing = false

function ask(query: string): string | undefined {
  if (missing) return undefined
  const { status, stdout } = spawnSync('nvidia-smi', [`--query-gpu=${query}`, '--format=csv,noheader,nounits'], {
    encoding: 'utf8',
    timeout: 5000,
  })
  missing = status !== 0
  return missing ? undefined : stdout.trim().split('\n')[0]
}

/** Name, driver and memory. */
export const gpuName = (): string | undefined => ask('name,driver_version,memory.total')

/** MiB in use on the first GPU. */
export function memoryUsed(): number | undefined {
  const text = ask('memory.used')
  return text === undefined ? undefined : Number(text)
}
