/**
 * Presets: named, sparse changes to the defaults of schemas/settings.schema.json. The paper's numbers are the defaults, so
 * `paper` says only where a default is cleverer than the paper.
 */
import type { Settings } from './generated/settings.js'

type Sparse<T> = {
  [K in keyof T]?: T[K] extends object ? Sparse<T[K]> : T[K]
}

export type SparseSettings = Sparse<Settings>

export interface Preset {
  /** One sentence for help texts and menus. */
  description: string
  settings: SparseSettings
}

export const PRESETS = {
  preview: {
    description: 'A first look in about half a minute: a relief of moderate sharpness.',
    settings: {
      evidence: { rounds: 2, labels: true, normalWeight: 0.1, normalShare: 0.6, albedoWeight: 0.02 },
      method: 'relief',
      relief: { steps: 100, learningRate: 0.05 },
      surface: { textureSize: 1024 },
      output: { sdfGrid: 64 },
    },
  },
  balanced: {
    description: 'The default: wrinkles and folds in less than a minute on an ordinary processor.',
    settings: {
      evidence: { rounds: 3, labels: true, normalWeight: 0.1, normalShare: 0.6, albedoWeight: 0.02 },
      method: 'relief',
      relief: { steps: 150, finest: 1 },
    },
  },
  paper: {
    description: 'The method of the paper to the letter, from scratch: about an hour on two cores.',
    settings: {},
  },
} as const satisfies Record<string, Preset>

type PresetName = keyof typeof PRESETS

export const DEFAULT_PRESET: PresetName = 'balanced'
