/**
 * VRM 1.0 of a GLB: the bones of a standing person as nodes, the parts on its head, and expressions made of their keys. There is no body.
 * Written against github.com/vrm-c/vrm-specification, specification/VRMC_vrm-1.0.
 */
import { withJson } from './glb-json.js'

/** Metres in the model's space: the bones that VRM asks for, feet on the ground, arms held out, +X to its left. */
const BONES: readonly (readonly [name: string, parent: string | undefined, x: number, y: number, z: number])[] = [
  ['hips', undefined, 0, 0.92, 0],
  ['spine', 'hips', 0, 1.03, 0],
  ['head', 'spine', 0, 1.5, 0],
  ...(['left', 'right'] as const).flatMap((side) => {
    const out = side === 'left' ? 1 : -1
    const bone = (name: string, parent: string, x: number, y: number) => [name, parent, out * x, y, 0] as const
    return [
      bone(`${side}UpperArm`, 'spine', 0.17, 1.38),
      bone(`${side}LowerArm`, `${side}UpperArm`, 0.43, 1.38),
      bone(`${side}Hand`, `${side}LowerArm`, 0.67, 1.38),
      bone(`${side}UpperLeg`, 'hips', 0.09, 0.88),
      bone(`${side}LowerLeg`, `${side}UpperLeg`, 0.09, 0.48),
      bone(`${side}Foot`, `${side}LowerLeg`, 0.09, 0.08),
    ]
  }),
]
/** Height of the eyes, the origin of the head frame. */
export const EYES = 1.58

/** VRM's preset expressions by ARKit's keys. */
const both = (name: string, weight: number): Record<string, number> => ({
  [`${name}Left`]: weight,
  [`${name}Right`]: weight,
})
export const PRESET_EXPRESSIONS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  happy: { ...both('mouthSmile', 0.8), ...both('cheekSquint', 0.5) },
  angry: { ...both('browDown', 1), ...both('noseSneer', 0.4), ...both('mouthFrown', 0.3), ...both('eyeSquint', 0.3) },
  sad: { browInnerUp: 0.9, ...both('mouthFrown', 0.8), mouthShrugLower: 0.2 },
  relaxed: { ...both('mouthSmile', 0.3), ...both('eyeSquint', 0.3) },
  surprised: { browInnerUp: 0.7, ...both('browOuterUp', 0.7), ...both('eyeWide', 0.6), jawOpen: 0.35 },
  aa: { jawOpen: 0.7 },
  ih: { jawOpen: 0.2, ...both('mouthStretch', 0.4) },
  ou: { mouthPucker: 0.8, jawOpen: 0.15 },
  ee: { jawOpen: 0.25, ...both('mouthSmile', 0.35) },
  oh: { mouthFunnel: 0.7, jawOpen: 0.35 },
  blink: both('eyeBlink', 1),
  blinkLeft: { eyeBlinkLeft: 1 },
  blinkRight: { eyeBlinkRight: 1 },
  lookUp: both('eyeLookUp', 1),
  lookDown: both('eyeLookDown', 1),
  lookLeft: { eyeLookOutLeft: 1, eyeLookInRight: 1 },
  lookRight: { eyeLookInLeft: 1, eyeLookOutRight: 1 },
  neutral: {},
}

/** VRM's preset expressions that move less than they should without some of ARKit's keys. @param keys the names of those that there are */
export function lackingExpressions(keys: Iterable<string>): string[] {
  const known = new Set(keys)
  return Object.entries(PRESET_EXPRESSIONS)
    .filter(([, of]) => Object.keys(of).some((key) => !known.has(key)))
    .map(([name]) => name)
}

export interface VrmOptions {
  name: string
  /** Height of the eyes' middle over the head frame's origin, and how far in front, metres. */
  eyes: readonly [height: number, front: number]
  /** Turn of the eyes at the end of a gaze key, degrees. */
  gazeDegrees: number
}

interface Gltf {
  nodes: { name: string; mesh?: number; children?: number[]; translation?: number[] }[]
  meshes: { extras?: { targetNames?: string[] } }[]
  scenes: { nodes: number[] }[]
  extensionsUsed?: string[]
  extensions?: Record<string, unknown>
}

/** Bytes of the VRM. @param glb without tangents and packing, which VRM does not know; its nodes are the head's parts */
export function vrmOf(glb: Uint8Array, options: VrmOptions): Uint8Array {
  return withJson<Gltf>(glb, (gltf) => addVrm(gltf, options))
}

function addVrm(gltf: Gltf, { name, eyes, gazeDegrees }: VrmOptions): void {
  const { nodes, meshes, scenes } = gltf
  const parts = nodes.map((_, i) => i)
  const places = new Map(BONES.map(([bone, , ...place]) => [bone, place]))
  const numbers = new Map(BONES.map(([bone], i) => [bone, parts.length + i]))
  for (const [bone, parent, ...place] of BONES) {
    const from = parent === undefined ? [0, 0, 0] : places.get(parent)!
    const children = BONES.filter(([, of]) => of === bone).map(([child]) => numbers.get(child)!)
    if (bone === 'head') children.push(...parts)
    nodes.push({
      name: bone,
      translation: place.map((x, k) => x - from[k]),
      ...(children.length > 0 && { children }),
    })
  }
  const head = places.get('head')!
  for (const i of parts) nodes[i].translation = [0, EYES - head[1], 0]
  scenes[0].nodes = [numbers.get('hips')!]
  const binds = (keys: Readonly<Record<string, number>>) =>
    Object.entries(keys).flatMap(([key, weight]) =>
      parts.flatMap((node) => {
        const index = meshes[nodes[node].mesh!].extras?.targetNames?.indexOf(key) ?? -1
        return index < 0 ? [] : [{ node, index, weight }]
      }),
    )
  const expression = (keys: Readonly<Record<string, number>>) => ({ isBinary: false, morphTargetBinds: binds(keys) })
  const keys = [...new Set(meshes.flatMap(({ extras }) => extras?.targetNames ?? []))]
  const map = { inputMaxValue: gazeDegrees, outputScale: 1 }
  gltf.extensionsUsed = [...(gltf.extensionsUsed ?? []), 'VRMC_vrm']
  gltf.extensions = {
    ...gltf.extensions,
    VRMC_vrm: {
      specVersion: '1.0',
      // what is not said is not permitted: use by others, for money, changes, passing on
      meta: { name, authors: ['made of a photo with sider'], licenseUrl: 'https://vrm.dev/licenses/1.0/' },
      humanoid: { humanBones: Object.fromEntries([...numbers].map(([bone, node]) => [bone, { node }])) },
      expressions: {
        preset: Object.fromEntries(Object.entries(PRESET_EXPRESSIONS).map(([preset, of]) => [preset, expression(of)])),
        custom: Object.fromEntries(keys.map((key) => [key, expression({ [key]: 1 })])),
      },
      lookAt: {
        type: 'expression',
        offsetFromHeadBone: [0, EYES - head[1] + eyes[0], eyes[1]],
        rangeMapHorizontalInner: map,
        rangeMapHorizontalOuter: map,
        rangeMapVerticalDown: map,
        rangeMapVerticalUp: map,
      },
    },
  }
}
