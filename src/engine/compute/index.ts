/**
 * Compute devices: what is available on this machine, what 'auto' takes, and opening one. The only folder that imports a
 * tfjs backend or ONNX Runtime.
 */
import { SiderError } from '../errors.js'
import { BACKENDS, type Backend } from './backends.js'
import { probe } from './probe.js'
import type { Device } from './program.js'

/** One compute backend on this machine. */
export interface BackendDescription {
  /** As in the setting `backend`. */
  name: string
  available: boolean
  /** Why it is or is not available, in a sentence. */
  reason: string
  /** What it would run on, e.g. the GPU's name. */
  device?: string
}

export interface BackendReport {
  backends: BackendDescription[]
  /** What `backend: 'auto'` takes here, and why. */
  chosen: string
  why: string
}

const SOFTWARE = ', but there is no GPU, so a software rasteriser would do the work: never taken by auto'

/** A device that computes rightly; or why there is none, and whether it is one that answers wrongly. */
type Tried = { device: Device } | { lacks: string; wrong: boolean }

async function tryToOpen(backend: Backend, threads: number): Promise<Tried> {
  try {
    const device = await backend.open(threads)
    const wrong = await probe(device)
    if (wrong === undefined) return { device }
    await device.dispose()
    return { lacks: wrong, wrong: true }
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error)
    return { lacks: words.split('\n')[0].slice(0, 160), wrong: false }
  }
}

/** Tries every backend. Takes a second or two. */
export async function describeBackends(all: readonly Backend[] = BACKENDS): Promise<BackendReport> {
  const backends: BackendDescription[] = []
  for (const backend of all) {
    const { name, about } = backend
    const found = await tryToOpen(backend, 0)
    const available = 'device' in found
    if (available) await found.device.dispose()
    const reason = available ? `${about}${backend.isSoftware() ? SOFTWARE : ''}` : found.lacks
    backends.push({ name, available, reason })
  }
  return { backends, ...choose(all, backends) }
}

function choose(all: readonly Backend[], found: readonly BackendDescription[]): { chosen: string; why: string } {
  const first = found.findIndex(({ available }, i) => available && !all[i].isSoftware())
  if (first < 0) return { chosen: 'none', why: 'none works here' }
  const before = found.slice(0, first).map(({ name }) => name)
  const why =
    first === 0
      ? 'it is the fastest there is'
      : `it is the fastest that works here (not available, wrong, or only in software: ${before.join(', ')})`
  return { chosen: found[first].name, why }
}

/**
 * Opens a compute device. 'auto' tries the fast ones in order, and takes the first that computes rightly.
 * @param options.onNote told which ones 'auto' has passed over for wrong answers
 * @throws SiderError BACKEND_MISSING when the chosen one cannot be used, with the reason
 */
export async function openDevice(
  name: string,
  threads: number,
  { onNote, all = BACKENDS }: { onNote?: (text: string) => void; all?: readonly Backend[] } = {},
): Promise<Device> {
  const auto = name === 'auto'
  let lacks = 'there is none'
  for (const backend of all.filter((one) => (auto ? !one.isSoftware() : one.name === name))) {
    const found = await tryToOpen(backend, threads)
    if ('device' in found) return found.device
    lacks = found.lacks
    if (auto && found.wrong) onNote?.(`The backend ${backend.name} was not taken: ${lacks}.`)
  }
  throw new SiderError('BACKEND_MISSING', `the backend ${name} cannot be used here: ${lacks}`, {
    stage: 'setup',
    hint: { cli: 'Leave out --backend to take the fastest that works; `sider doctor` lists them.' },
    data: { backend: name },
  })
}
