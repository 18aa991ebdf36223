/** What the check finds out. */

export interface SpeedFigures {
  width: number
  /** Why there are none. */
  failure?: string
  /** Step of the detail stage, tracing included, and the tracing alone. */
  stepSeconds?: number
  traceSeconds?: number
  /** Rate of plain matrix products, and the step's own over it. */
  sgemmGflops?: number
  gemmEfficiency?: number
  /** Most memory of the process, and of the GPU where the driver tells. */
  memoryMiB?: number
  gpuMiB?: number
}

export interface BackendFigures {
  name: string
  available: boolean
  reason: string
  /** Largest differences from ort-cpu, relative to the largest value: of results, and of the weights that steps change. */
  agreement?: {
    failure?: string
    results?: number
    weights?: number
    worst?: string
    agrees?: boolean
    seconds: number
  }
  speed: SpeedFigures[]
}

export interface PresetFigures {
  preset: string
  backend: string
  /** Why it did not finish. */
  failure?: string
  /** How far it had come when it was ended, 0..1. */
  fraction?: number
  /** From the start of the program to the last file. */
  seconds: number
  /** By stage. */
  stages?: Record<string, number>
  /** Against the truth: median distance of the scan, median angle of normals. */
  scanMm?: number
  normalDegrees?: number
  memoryMiB?: number
  gpuMiB?: number
}

export interface GpuCheck {
  version: string
  date: string
  tiny: boolean
  machine: { cpu: string; cores: number; memoryGiB: number; node: string; platform: string; gpu?: string; load: number }
  backends: BackendFigures[]
  chosen: { name: string; why: string }
  /** The photo that the presets worked on. */
  truth: string
  presets: PresetFigures[]
  seconds: number
}
