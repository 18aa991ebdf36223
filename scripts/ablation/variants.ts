/** What is switched off, one idea at a time, and the settings under which it is measured. */
import type { SparseSettings } from '../../src/engine/presets.js'

interface Variant {
  name: string
  /** What is missing, for the table. */
  without: string
  settings: SparseSettings
}

export interface Study {
  name: 'relief' | 'evidence' | 'network'
  title: string
  preset: string
  /** How the study differs from a run of the preset; it is printed with the table. */
  reduced: string
  settings: SparseSettings
  /** The first is the whole method. */
  variants: Variant[]
}

/** The ideas of the relief (presets preview and balanced). */
export function reliefStudy(preset: string): Study {
  const off = (name: string, without: string, relief: SparseSettings['relief']): Variant => ({
    name,
    without,
    settings: { relief: { ...relief } },
  })
  return {
    name: 'relief',
    title: `Ideas of the relief, preset ${preset}`,
    preset,
    reduced: 'Full size.',
    // Not measured, so not made finely.
    settings: { output: { sdfGrid: 16 } },
    variants: [
      { name: 'whole', without: 'nothing: the whole method', settings: {} },
      off('chroma', 'colour as a sign of paint (chromaWeight 0)', { chromaWeight: 0 }),
      off('albedo', 'albedo: one colour for the whole face (albedoWeight, chromaWeight 100)', {
        albedoWeight: 100,
        chromaWeight: 100,
        paintPrice: 1,
      }),
      off('spread', 'the price on broad shades of albedo (albedoSpread 0)', { albedoSpread: 0 }),
      off('occlusion', 'the light that the head hides from itself', { occlusion: false }),
      off('paint', 'cheap albedo on brows and lips (paintPrice 1)', { paintPrice: 1 }),
      off('brow-weight', 'less trust in the colours of brows (browWeight 1)', { browWeight: 1 }),
      off('distance', 'the pull to the fitted head (distanceWeight 0)', { distanceWeight: 0 }),
      off('slope', 'the price on slopes (slopeWeight 0)', { slopeWeight: 0 }),
      off('curvature', 'smoothness (curvatureWeight 0)', { curvatureWeight: 0 }),
      off('fine', 'the finest splines (finest 8)', { finest: 8 }),
    ],
  }
}

/** What learned evidence is used for (presets preview and balanced). */
export function evidenceStudy(preset: string): Study {
  const off = (name: string, without: string, evidence: SparseSettings['evidence']): Variant => ({
    name,
    without,
    settings: { evidence: { ...evidence } },
  })
  return {
    name: 'evidence',
    title: `Learned evidence, preset ${preset}`,
    preset,
    reduced: 'Full size.',
    settings: { output: { sdfGrid: 16 } },
    variants: [
      { name: 'whole', without: 'nothing: the whole method', settings: {} },
      off('rounds', 'fitting the head to it (rounds 0)', { rounds: 0 }),
      off('labels', 'its labels (skin by statistics of colours)', { labels: false }),
      off('normals', 'its normals as a prior (normalWeight 0)', { normalWeight: 0 }),
      off('share', 'its share of the finished surface (normalShare 0)', { normalShare: 0 }),
      off('albedo', 'its albedo as a prior (albedoWeight 0)', { albedoWeight: 0 }),
      off('all', 'any of it', { rounds: 0, labels: false, normalWeight: 0, normalShare: 0, albedoWeight: 0 }),
    ],
  }
}

/** Fig. 4 of the paper: what the rendering network sees. */
export const NETWORK_STUDY: Study = {
  name: 'network',
  title: 'What the rendering network sees (Fig. 4), preset neural',
  preset: 'neural',
  reduced:
    'Full size; the surface is the networks’ own (neural.share 1), and the renderer sees the feature γ, which it does not in the preset.',
  settings: { output: { sdfGrid: 16 }, neural: { share: 1, renderer: { useFeature: true } } },
  variants: [
    { name: 'whole', without: 'nothing: normal and feature', settings: {} },
    { name: 'feature', without: 'the feature γ', settings: { neural: { renderer: { useFeature: false } } } },
    { name: 'normal', without: 'the normal n', settings: { neural: { renderer: { useNormal: false } } } },
    {
      name: 'both',
      without: 'both',
      settings: { neural: { renderer: { useFeature: false, useNormal: false } } },
    },
  ],
}
