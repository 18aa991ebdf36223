/** How far the shape keys of one GLB are from those of another that was made of it, vertex by vertex. */
import { type Node, WebIO } from '@gltf-transform/core'
import { ALL_EXTENSIONS } from '@gltf-transform/extensions'
import { MeshoptDecoder } from 'meshoptimizer'

/** A node's mesh at rest and with each key at 1, in metres. */
interface Shape {
  /** [vertices, 3] */
  rest: Float32Array
  /** [vertices, 3] displacements by key */
  keys: Map<string, Float32Array>
}

export interface Difference {
  node: string
  /** Names of keys that the copy lacks. */
  lost: string[]
  /** Largest distance of a vertex from where it was, at rest and with the key that is worst, millimetres. */
  restMm: number
  keysMm: number
  worst: string
}

/** Vertices of the copy this near to one of the original may be the same, metres: programs split and weld vertices. */
const SAME = 5e-5

/** The differences of each node with a mesh. */
export async function compareKeys(original: Uint8Array, copy: Uint8Array): Promise<Difference[]> {
  const [before, after] = await Promise.all([shapesOf(original), shapesOf(copy)])
  return [...before].map(([node, shape]): Difference => {
    const other = after.get(node)
    if (!other) return { node, lost: ['all'], restMm: Number.NaN, keysMm: Number.NaN, worst: '' }
    return { node, ...differenceOf(shape, other) }
  })
}

function differenceOf(shape: Shape, other: Shape): Omit<Difference, 'node'> {
  const names = [...shape.keys.keys()]
  const lost = names.filter((name) => !other.keys.has(name))
  const shared = names.filter((name) => other.keys.has(name))
  const near = neighbourhood(other.rest)
  const worst = new Float64Array(shared.length)
  let rest = 0
  for (let v = 0; v < shape.rest.length / 3; v++) {
    // where lips touch two vertices are in one place: the one that moves alike is meant
    let best = { most: Number.POSITIVE_INFINITY, off: Number.POSITIVE_INFINITY, each: [] as number[] }
    for (const w of near(shape.rest, v)) {
      const off = distance(shape.rest, v, other.rest, w)
      const each = shared.map((name) => distance(shape.keys.get(name)!, v, other.keys.get(name)!, w))
      const most = Math.max(off, ...each)
      if (most < best.most) best = { most, off, each }
    }
    rest = Math.max(rest, best.off)
    best.each.forEach((d, i) => {
      worst[i] = Math.max(worst[i], d)
    })
  }
  const most = worst.reduce((a, d) => Math.max(a, d), 0)
  return { lost, restMm: 1000 * rest, keysMm: 1000 * most, worst: shared[worst.indexOf(most)] ?? '' }
}

function distance(a: Float32Array, v: number, b: Float32Array, w: number): number {
  return Math.hypot(a[3 * v] - b[3 * w], a[3 * v + 1] - b[3 * w + 1], a[3 * v + 2] - b[3 * w + 2])
}

/** Finds the points within SAME of one, in a grid. */
function neighbourhood(points: Float32Array): (of: Float32Array, v: number) => number[] {
  const cell = (x: number): number => Math.floor(x / SAME)
  const cells = new Map<string, number[]>()
  for (let v = 0; v < points.length / 3; v++) {
    const key = [0, 1, 2].map((k) => cell(points[3 * v + k])).join()
    const list = cells.get(key)
    if (list) list.push(v)
    else cells.set(key, [v])
  }
  return (of, v) => {
    const [x, y, z] = [0, 1, 2].map((k) => cell(of[3 * v + k]))
    const found: number[] = []
    for (const dx of [-1, 0, 1])
      for (const dy of [-1, 0, 1])
        for (const dz of [-1, 0, 1]) found.push(...(cells.get([x + dx, y + dy, z + dz].join()) ?? []))
    return found
  }
}

async function shapesOf(glb: Uint8Array): Promise<Map<string, Shape>> {
  await MeshoptDecoder.ready
  const io = new WebIO().registerExtensions(ALL_EXTENSIONS).registerDependencies({ 'meshopt.decoder': MeshoptDecoder })
  const shapes = new Map<string, Shape>()
  for (const node of (await io.readBinary(glb)).getRoot().listNodes())
    if (node.getMesh()) shapes.set(node.getName(), shapeOf(node))
  return shapes
}

function shapeOf(node: Node): Shape {
  const mesh = node.getMesh()!
  const matrix = node.getWorldMatrix()
  const names = (mesh.getExtras()['targetNames'] ?? []) as string[]
  const whole: Shape = { rest: new Float32Array(0), keys: new Map(names.map((name) => [name, new Float32Array(0)])) }
  for (const primitive of mesh.listPrimitives()) {
    const read = (accessor: ReturnType<typeof primitive.getAttribute>, move: boolean): Float32Array => {
      const out = new Float32Array(3 * accessor!.getCount())
      const p = [0, 0, 0]
      for (let v = 0; v < out.length / 3; v++) {
        accessor!.getElement(v, p)
        for (let k = 0; k < 3; k++)
          out[3 * v + k] = matrix[k] * p[0] + matrix[4 + k] * p[1] + matrix[8 + k] * p[2] + (move ? matrix[12 + k] : 0)
      }
      return out
    }
    const join = (a: Float32Array, b: Float32Array): Float32Array => {
      const out = new Float32Array(a.length + b.length)
      out.set(a)
      out.set(b, a.length)
      return out
    }
    whole.rest = join(whole.rest, read(primitive.getAttribute('POSITION'), true))
    primitive.listTargets().forEach((target, i) => {
      whole.keys.set(names[i], join(whole.keys.get(names[i])!, read(target.getAttribute('POSITION'), false)))
    })
  }
  return whole
}
