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
    description: 'A first look in ten seconds on two cores: a relief of moderate sharpness.',
    settings: {
      evidence: { rounds: 2, labels: true, normalWeight: 0.1, normalShare: 0.6, albedoWeight: 0.02 },
      method: 'relief',
      relief: { steps: 100, learningRate: 0.05 },
      surface: { textureSize: 1024 },
      output: { sdfGrid: 64 },
    },
  },
  balanced: {
    description: 'The default: wrinkles and folds in a quarter of a minute on two cores.',
    settings: {
      evidence: { rounds: 3, labels: true, normalWeight: 0.1, normalShare: 0.6, albedoWeight: 0.02 },
      method: 'relief',
      relief: { steps: 150, finest: 1 },
    },
  },
  neural: {
    description:
      'The networks of the paper, starting from what the default finds: a little closer, in half a minute on two cores.',
    settings: {
      evidence: { rounds: 3, labels: true, normalWeight: 0.1, normalShare: 0.8, albedoWeight: 0.02 },
      method: 'neural',
      relief: { steps: 150, finest: 1 },
    },
  },
  paper: {
    description: 'The method of the paper to the letter, from scratch: an hour on two cores.',
    settings: {},
  },
} as const satisfies Record<string, Preset>

type PresetName = keyof typeof PRESETS

export const DEFAULT_PRESET: PresetName = 'balanced'

/**
 * For what program a head is made: a set of settings, under those that are given by hand, how the plain mesh formats are written, and what is
 * added to the GLB. `docs/asset.md` shows this table, with what is known of each program's wishes.
 */
export interface Profile {
  /** For whom. */
  description: string
  settings: SparseSettings
  /** What is made of other values of these is no use to the program; they are refused. */
  needs?: readonly (readonly [path: string, values: readonly unknown[]])[]
  /** Metres that a unit of OBJ and USDZ is; GLB is in metres by its definition. */
  metresPerUnit: 1 | 0.01
  /** Parts of OBJ and USDZ, all of them if undefined. */
  parts?: readonly string[]
  /** Whether these are one object with several materials. */
  oneObject?: boolean
  /** Name of a joint that all parts of the GLB hang on. */
  joint?: string
  /** Whether face.vrm is written. */
  vrm?: boolean
  /** What the program asks for, by its makers' documentation, and how it is met. */
  meets: string
  /** Where that stands. */
  source?: string
}

const NEUTRAL = { neutralize: true } as const
/** The surface alone has neither keys nor eyes nor a mouth. */
const WHOLE_HEAD = ['surface.mesh', ['head', 'both']] as const
/** It is rigged there: an open mouth or a smile would be a part of the face at rest. */
const AT_REST = [WHOLE_HEAD, ['surface.neutralize', [true]]] as const
/** The face with its eyes filled, and nothing behind the lips. */
const HEAD_AND_EYES = ['face', 'eyeRight', 'eyeLeft'] as const

export const PROFILES: Readonly<Record<Settings['output']['profile'], Profile>> = {
  arkit: {
    description:
      "The default: the photo's expression, ARKit's 52 keys, parts of their own, for Blender, three.js and any glTF program.",
    settings: {},
    metresPerUnit: 1,
    meets: 'names and sides as Apple has them',
    source: 'https://developer.apple.com/documentation/arkit/arfaceanchor/blendshapelocation',
  },
  vrm: {
    description:
      "Avatars: face.vrm is VRM 1.0, with the skeleton of a standing person, its 18 preset expressions and ARKit's 52 as custom ones.",
    settings: { surface: { ...NEUTRAL, subdivisions: 0, textureSize: 2048 } },
    needs: [WHOLE_HEAD, ['surface.shapeKeys', [true]], ['surface.keys', ['arkit']]],
    metresPerUnit: 1,
    vrm: true,
    meets:
      'the 15 bones that must be there, as nodes (there is no body), feet on the ground, facing +Z; keys by name; no tangents; gaze by expressions; a licence that permits nothing but use by its author',
    source: 'https://github.com/vrm-c/vrm-specification/tree/master/specification/VRMC_vrm-1.0',
  },
  unreal: {
    description:
      'Unreal Engine: all parts on one joint, so that they come in as skeletal meshes, which alone have morph targets there.',
    settings: { surface: { ...NEUTRAL }, output: { obj: true } },
    needs: [WHOLE_HEAD],
    metresPerUnit: 0.01,
    joint: 'root',
    meets:
      'GLB in metres (glTF knows nothing else; Unreal makes centimetres of them), OBJ in centimetres; names are those of Live Link Face, whose capital letters do not count',
    source: 'https://github.com/rdeioris/glTFRuntime/issues/68',
  },
  metahuman: {
    description: "Mesh to MetaHuman: a neutral OBJ with the skin's albedo, open eyes and shut lips.",
    settings: { surface: { ...NEUTRAL, shapeKeys: false, scalp: false }, output: { obj: true } },
    needs: AT_REST,
    metresPerUnit: 0.01,
    parts: HEAD_AND_EYES,
    oneObject: true,
    meets:
      'OBJ, textured with the albedo; eyes open and filled, whites in a material of their own; lips sealed; no light in the colours as far as it could be taken out',
    source: 'https://dev.epicgames.com/documentation/en-us/metahuman/from-mesh',
  },
  headshot: {
    description: 'Headshot 2 of Character Creator: a bald neutral OBJ.',
    settings: { surface: { ...NEUTRAL, shapeKeys: false, scalp: false }, output: { obj: true } },
    needs: AT_REST,
    metresPerUnit: 0.01,
    parts: HEAD_AND_EYES,
    oneObject: true,
    meets:
      'OBJ, facing straight ahead, mouth shut, teeth hidden, no hole in the front of the face, no hair, nothing worn',
    source: 'https://manual.reallusion.com/Headshot_for_CC/ENU/2.0/06-Mesh-Mode/Source-Mesh-Requirements.html',
  },
  faceit: {
    description:
      'Faceit in Blender: a neutral head with all parts, to be rigged there or driven by the keys that it has.',
    settings: { surface: { ...NEUTRAL }, output: { obj: true } },
    needs: AT_REST,
    metresPerUnit: 1,
    meets:
      'one connected skin, eyes open, mouth shut, eyeballs, in the middle of the scene, facing -Y in Blender; quads',
    source: 'https://faceit-doc.readthedocs.io/en/latest/prepare/',
  },
}
