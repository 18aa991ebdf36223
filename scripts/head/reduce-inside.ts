/**
 * Writes the built-in head's inside of the mouth with fewer triangles, from the finished head.
 *
 * Edges are collapsed (Garland and Heckbert 1997, as meshoptimizer has it) on the mean head, in steps that leave all remaining vertices
 * where they are: the same triangles serve every face and expression. What the photo's side of the mouth shows comes closer than what
 * only the throat sees. Left and right are the same as far as the head has them so.
 */
import { writeFileSync } from 'node:fs'
import { brotliCompressSync } from 'node:zlib'
import { MeshoptSimplifier } from 'meshoptimizer/simplifier'
import { encodeTensors, type NamedTensor } from '../../src/engine/formats/tensor-file.js'
import { connectedComponents, gather } from '../../src/engine/geometry/mesh.js'
import { vertexNormals } from '../../src/engine/geometry/normals.js'
import { splitSeams } from '../../src/engine/geometry/seams.js'
import { loadBuiltInHead } from '../../src/engine/head/builtin.js'
import { type HeadInterior, INTERIOR_PARTS, type InteriorFaces, type Mesh } from '../../src/engine/stages.js'
import { commandLine } from '../command-line.js'

const HELP = `Writes the built-in head's inside of the mouth with fewer triangles, in two levels, from the finished head.

Usage: npx tsx scripts/head/reduce-inside.ts [options]

  --out FILE   (default assets/head/inside.safetensors.br)

Example: npx tsx scripts/head/reduce-inside.ts --out /tmp/inside.safetensors.br
`

/** How far the teeth's surface may go, metres: where it can be seen through the lips, and elsewhere. */
const LEVELS = { fine: [6e-5, 4e-4], coarse: [2e-4, 1e-3] } as const
/** The first of them for other parts, as multiples, by INTERIOR_PARTS. */
const EASE = [1, 1, 2, 2, 3]
/** A unit normal that turns by a radian counts as so many metres. */
const TURN = 0.001
/** What faces further backwards and not up or down either, or lies this far behind the front teeth, metres, is not seen. */
const BACKWARDS = -0.1
const UPRIGHT = 0.35
const DEEP = 0.022
/** Places this near to the plane of symmetry lie in it; mirrored ones are the same to this, metres. */
const SAME = 1e-6

/** Both levels of an interior's triangles. */
export async function reducedFaces(interior: HeadInterior): Promise<Record<keyof typeof LEVELS, InteriorFaces>> {
  await MeshoptSimplifier.ready
  const { mean, indices, uv, uvIndices, parts, seam } = interior
  const split = splitSeams({ positions: mean, indices }, uv, uvIndices)
  const { positions, indices: corners } = split.mesh
  const rows = new Uint32Array(positions.length / 3)
  corners.forEach((v, c) => {
    rows[v] = uvIndices[c]
  })
  const normals = gather(vertexNormals({ positions: mean, indices }), split.vertexMap, 3)
  const { labels } = connectedComponents({ positions: mean, indices })
  const mirror = mirrored(split.mesh, split.vertexMap, labels)
  const rim = new Set(Array.from(seam).filter((_, i) => i % 2 === 0))
  const isTooth = (part: number): boolean => part === INTERIOR_PARTS.upperTeeth || part === INTERIOR_PARTS.lowerTeeth
  const front = mean.reduce(
    (most, z, i) => (i % 3 === 2 && z > most && isTooth(parts[Math.floor(i / 3)]) ? z : most),
    0,
  )
  const fixed = Uint8Array.from(split.vertexMap, (v, i) =>
    Number(rim.has(v) || (mirror[i] >= 0 && Math.abs(positions[3 * i]) < SAME)),
  )
  // a tongue comes out
  const [y, z] = [1, 2].map((k) => (rows: Float32Array, i: number) => rows[3 * i + k])
  const seen = Uint8Array.from(split.vertexMap, (v, i) => {
    const turned = z(normals, i) > BACKWARDS || Math.abs(y(normals, i)) > UPRIGHT
    // a tongue comes out
    const near = parts[v] === INTERIOR_PARTS.tongue || z(positions, i) > front - DEEP
    return Number(fixed[i] === 1 || (turned && near))
  })
  // of what is the same on both sides the left is reduced, and mirrored
  const half = corners.filter((_, c) => {
    const [a, b, d] = corners.subarray(3 * Math.floor(c / 3))
    return mirror[a] < 0 || positions[3 * a] + positions[3 * b] + positions[3 * d] > 0
  })
  const scale = MeshoptSimplifier.getScale(positions, 3)
  const weights = [0, 1, 2].map(() => TURN / scale)
  const collapse = (given: Uint32Array, locked: Uint8Array, error: number): Uint32Array =>
    MeshoptSimplifier.simplifyWithAttributes(given, positions, 3, normals, 3, weights, locked, 0, error, [
      'ErrorAbsolute',
    ])[0]
  const facesOf = ([near, far]: readonly [number, number]): InteriorFaces => {
    const both: number[] = []
    EASE.forEach((ease, part) => {
      const given = half.filter((_, c) => parts[split.vertexMap[half[c - (c % 3)]]] === part)
      const reduced = collapse(collapse(given, fixed, ease * near), seen, Math.min(ease, 2) * far)
      for (let c = 0; c < reduced.length; c += 3) {
        const triangle = reduced.subarray(c, c + 3)
        both.push(...triangle)
        if (mirror[triangle[0]] >= 0) both.push(...Array.from(triangle, (v) => mirror[v]).reverse())
      }
    })
    return {
      indices: Uint32Array.from(both, (v) => split.vertexMap[v]),
      uvIndices: Uint32Array.from(both, (v) => rows[v]),
    }
  }
  return { fine: facesOf(LEVELS.fine), coarse: facesOf(LEVELS.coarse) }
}

/**
 * [vertices of the split mesh] the mirror image of each; -1 in pieces that have none of the same shape, or reach over the plane of symmetry.
 * @param vertexMap vertices before seams were split @param labels [triangles] the piece of each
 */
function mirrored({ positions, indices }: Mesh, vertexMap: Uint32Array, labels: Uint32Array): Int32Array {
  const count = positions.length / 3
  const all = [...Array(count).keys()]
  const off = (v: number, w: number): number =>
    Math.hypot(
      positions[3 * v] + positions[3 * w],
      positions[3 * v + 1] - positions[3 * w + 1],
      positions[3 * v + 2] - positions[3 * w + 2],
    )
  const images = all.map((v) => all.filter((w) => off(v, w) < SAME))
  const lacks = (t: number): boolean => {
    const corners = Array.from(indices.subarray(3 * t, 3 * t + 3))
    const sides = corners.map((v) => positions[3 * v])
    const over = Math.min(...sides) < -SAME && Math.max(...sides) > SAME
    return over || corners.some((v) => images[v].length === 0)
  }
  const without = new Set(Array.from(labels).filter((_, t) => lacks(t)))
  const twins = new Map(Array.from(vertexMap, (v, i) => [v, images[i].map((w) => vertexMap[w])]))
  const around: Set<number>[] = images.map(() => new Set())
  const out = new Int32Array(count).fill(-1)
  for (let c = 0; c < indices.length; c++)
    for (let k = 0; k < 3; k++) around[indices[c]].add(vertexMap[indices[c - (c % 3) + k]])
  for (let c = 0; c < indices.length; c++) {
    const v = indices[c]
    if (without.has(labels[Math.floor(c / 3)]) || out[v] >= 0) continue
    // of the vertices at a seam, the one among the images of its neighbours
    const near = new Set([...around[v]].flatMap((w) => twins.get(w) ?? []))
    const shared = (w: number): number => [...around[w]].filter((x) => near.has(x)).length
    out[v] = images[v].reduce((best, w) => (shared(w) > shared(best) ? w : best))
  }
  return out
}

/** The file's bytes. */
export async function reducedInside(interior: HeadInterior): Promise<Uint8Array> {
  const tensors: Record<string, NamedTensor> = {}
  for (const [level, faces] of Object.entries(await reducedFaces(interior)))
    for (const [name, rows] of Object.entries(faces))
      tensors[`${level}/${name}`] = { shape: [rows.length / 3, 3], data: Uint16Array.from(rows) }
  return brotliCompressSync(encodeTensors({ tensors, metadata: { script: 'scripts/head/reduce-inside.ts' } }))
}

if (import.meta.filename === process.argv[1]) {
  const { values } = commandLine(HELP, { out: { type: 'string', default: 'assets/head/inside.safetensors.br' } })
  const bytes = await reducedInside((await loadBuiltInHead(undefined, null)).interior!)
  writeFileSync(values.out, bytes)
  console.log(`${values.out}: ${bytes.length} bytes`)
}
