/** Which job engine a server has. */
import { EmbeddedEngine, type EmbeddedOptions } from './embedded.js'
import type { JobEngine } from './engine.js'
import type { Log } from './log.js'
import type { Metrics } from './metrics.js'

export interface EngineOptions extends EmbeddedOptions {
  /** Queue and storage of many machines; without them this machine does all. */
  shared?: { queue: string; storage: string; withoutAof?: boolean }
}

/** Opens the engine that the options ask for. What many machines need is loaded only then. */
export async function openEngine(options: EngineOptions, log: Log, metrics: Metrics): Promise<JobEngine> {
  const { shared } = options
  if (!shared) return EmbeddedEngine.open(options, log, metrics)
  const { SharedEngine } = await import('./shared/engine.js')
  return SharedEngine.open({ ...options, ...shared }, log, metrics)
}
