/** What `npm run peer` measures, as it stands in its JSON file. */
export interface PeerFigures {
  settings: { width: number; layers: number; rays: number; points: number; cropSize: number; coarseSteps: number }
  machine: string
  torch: string
  /** What PyTorch says of its matrix library and the processor's instructions. */
  build: string[]
  threads: number
  backend: string
  /** Load average of the machine over the last minute, at the end. Other work slows both, threads that wait for each other most. */
  load: number
  /** Seconds, medians. */
  engine: { step: number; differentiable: number }
  peer: { step: number; differentiable: number; tracing: number }
  /** Mean distance error after the coarse steps, field units. */
  coarseError: { engine: number; peer: number }
  steps: number
  /** The peer's loss at its end, and how long each took to it, in seconds and steps; the engine's are absent if it did not. */
  loss: number
  toLoss: { peer: { seconds: number; steps: number }; engine?: { seconds: number; steps: number } }
  ratios: { differentiable: number; step: number; toLoss?: number }
}
