/**
 * Presets: named, sparse changes to the defaults of schemas/settings.schema.json. The paper's numbers are the defaults, so
 * `paper` says only where a default is cleverer than the paper.
 */
import type { Settings } from './generated/settings.js'

/** Some of the settings, in their groups. */
export type SparseSettings = {
  [K in keyof Settings]?: Settings[K] extends object ? Partial<Settings[K]> : Settings[K]
}

export interface Preset {
  /** One sentence for help texts and menus. */
  description: string
  settings: SparseSettings
}

export const PRESETS = {
  preview: {
    description: 'A first look in about half a minute: a small field and few epochs.',
    settings: {
      photo: { cropSize: 192 },
      field: { layers: 4, width: 128, skip: 0, feature: 64 },
      renderer: { layers: 3, width: 128 },
      coarse: { steps: 150, learningRate: 1e-3 },
      detail: { epochs: 15, learningRate: 1e-3, learningRateEnd: 1e-4 },
      surface: { resolution: 160, textureSize: 512 },
    },
  },
  balanced: {
    description: 'The default: wrinkles and folds in a few minutes on an ordinary processor.',
    settings: {
      field: { width: 256, feature: 128 },
      renderer: { width: 256 },
      coarse: { steps: 300, learningRate: 5e-4 },
      detail: { epochs: 40, learningRate: 5e-4, learningRateEnd: 5e-5 },
    },
  },
  paper: {
    description: 'The method of the paper to the letter, from scratch. Takes as long as it takes.',
    settings: { coarse: { warmStart: false } },
  },
} as const satisfies Record<string, Preset>

export type PresetName = keyof typeof PRESETS

export const DEFAULT_PRESET: PresetName = 'balanced'
