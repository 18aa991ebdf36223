/** All figures of one case: scan-to-mesh distance, normals, colours; the coarse fit beside the detailed result. */
import { SiderError } from '../errors.js'
import { readMesh } from '../formats/read-mesh.js'
import { backProject, cropCamera, pixelCenters } from '../geometry/camera.js'
import { alignPoints, type Similarity, scaleOf } from '../geometry/similarity.js'
import { cropImage } from '../photo/crop.js'
import { decodePhoto } from '../photo/decode.js'
import type { Mesh } from '../stages.js'
import { type AlbedoEdgeScore, albedoEdges, reliefErrors } from './albedo-edges.js'
import type { Case } from './cases.js'
import { type ExpressionScore, expressionScore, readTrueOpenings } from './expression.js'
import { readSevenLandmarks } from './landmark-files.js'
import { type DetailAgreement, detailAgreement, normalAngles } from './normal-error.js'
import type { Result, ResultMaps, RunFigures } from './result.js'
import { type FaceSphere, landmarkSphere, noseSphere, scanDistances, verticesInside } from './scan-distance.js'
import { type Statistics, statistics } from './statistics.js'
import { type CropTruth, cropTruth, readTruth, type ViewTruth } from './truth.js'

export interface ScoreOptions {
  /** 'fixed': the predicted size counts (NoW's metrical figure). Default 'free'. */
  scale?: 'free' | 'fixed'
  /** Units of a foreign mesh in a metre: 1 (default) or 1000. */
  predictionUnits?: number
}

/** Distances of scan vertices in mm. */
export interface ScanScore extends Statistics {
  /** Factor by which the alignment enlarged the prediction (in equal units). */
  scale: number
}

export interface NormalScore {
  meanDegrees: number
  medianDegrees: number
  /** High-passed at 2 pixels of a 256 crop: wrinkles. */
  fine: DetailAgreement
  /** High-passed at 6 pixels of a 256 crop: folds and features. */
  medium: DetailAgreement
}

export interface PhotoScore {
  /** Of the render against the photo over the face, dB. */
  psnr: number
  /** Mean absolute difference in 8-bit levels. */
  meanLevels: number
}

/** The figures of the detailed result and of the coarse fit it started from. */
export interface CaseScore {
  name: string
  group: string
  /** How the prediction was first laid over the scan. */
  alignment: 'landmarks' | 'pixels'
  scan: { detail: ScanScore; coarse?: ScanScore }
  normals?: { pixels: number; coverage: number; detail: NormalScore; coarse?: NormalScore }
  /** Where the truth has albedo. */
  albedoEdges?: AlbedoEdgeScore
  /** Where the truth has the edges of lips and lids. */
  expression?: ExpressionScore
  photo?: PhotoScore
  run?: RunFigures
}

/** A score and what pictures and curves are made of. */
export interface ScoredCase {
  score: CaseScore
  /** [n] scan-to-mesh distances, mm. */
  distances: { detail: Float64Array; coarse: Float64Array | undefined }
  maps: { result: ResultMaps; truth: CropTruth; mask: Uint8Array; image: Float32Array } | undefined
}

/** Points of NoW are aligned with all of the scan; views of scans may show the edge of the crop beyond the prediction. */
const VIEW_KEEP = 0.95

/** Scores one case. @throws SiderError TRUTH_INVALID, RESULT_INVALID */
export async function scoreCase(one: Case, result: Result, options: ScoreOptions = {}): Promise<ScoredCase> {
  const scan = await readMesh(one.scan, 'TRUTH_INVALID')
  const truth = one.camera && one.maps ? await readTruth({ camera: one.camera, maps: one.maps }) : undefined
  const landmarks = one.landmarks === undefined ? undefined : await readSevenLandmarks(one.landmarks, 'TRUTH_INVALID')
  const maps = truth && result.maps && (await compareMaps(one, result.maps, truth))
  const sphere = faceSphere(one, scan, landmarks)
  const points = verticesInside(scan.positions, sphere)
  if (points.length < 300)
    throw new SiderError('TRUTH_INVALID', `${one.scan}: only ${points.length / 3} vertices lie in the face crop`, {
      data: { path: one.scan, ...sphere },
    })
  const scale = options.scale ?? 'free'
  const units = one.scanUnits / (options.predictionUnits ?? 1)
  const start = startingAlignment(one, result, landmarks, maps, { scale, units })
  const distances = (mesh: Mesh) => {
    const found = scanDistances(mesh, points, start.transform, { scale, keep: one.landmarks ? 1 : VIEW_KEEP })
    const mm = found.distances.map((d) => (1000 * d) / one.scanUnits)
    return { mm, score: { ...statistics(mm), scale: scaleOf(found.transform) / units } }
  }
  const detail = distances(result.mesh)
  const coarse = result.coarse && distances(result.coarse)
  return {
    score: {
      name: one.name,
      group: one.group,
      alignment: start.kind,
      scan: { detail: detail.score, coarse: coarse?.score },
      normals: maps && normalScores(maps),
      albedoEdges: maps && edgeScore(maps),
      expression: await openingScore(one, result, truth),
      photo: maps && photoScore(maps),
      run: result.run,
    },
    distances: { detail: detail.mm, coarse: coarse?.mm },
    maps,
  }
}

type ComparedMaps = NonNullable<ScoredCase['maps']>

async function compareMaps(one: Case, result: ResultMaps, truth: ViewTruth): Promise<ComparedMaps> {
  const { camera, crop } = result
  if (camera.width !== truth.camera.width || camera.height !== truth.camera.height) {
    const [a, b] = [result, truth].map((x) => `${x.camera.width}x${x.camera.height}`)
    throw new SiderError('RESULT_INVALID', `${one.name}: the result is of a photo of ${a} pixels, the truth of ${b}`)
  }
  const cropped = cropTruth(truth, crop)
  const { depth, mask } = result
  const both = mask.map((m, i) => (m && cropped.mask[i] && Number.isFinite(depth[i]) && cropped.depth[i] > 0 ? 1 : 0))
  if (both.reduce((a, b) => a + b, 0) < 100)
    throw new SiderError('RESULT_INVALID', `${one.name}: the reconstructed face and the true one do not overlap`, {
      hint: 'Is it a reconstruction of this photo?',
    })
  const image = cropImage(await decodePhoto(one.image), crop)
  return { result, truth: cropped, mask: both, image }
}

async function openingScore(
  { regions }: Case,
  { openings, maps }: Result,
  truth: ViewTruth | undefined,
): Promise<ExpressionScore | undefined> {
  if (!regions || !openings || !maps || !truth) return undefined
  return expressionScore(await readTrueOpenings(regions), truth.camera, truth.depth, openings, maps.camera)
}

function faceSphere(one: Case, scan: Mesh, landmarks: Float64Array | undefined): FaceSphere {
  if (landmarks) return landmarkSphere(landmarks)
  try {
    return noseSphere(scan.positions)
  } catch (cause) {
    throw new SiderError('TRUTH_INVALID', `${one.scan}: ${(cause as Error).message}`, { cause })
  }
}

/** Landmarks where both sides have them; else the points that the pixels of both depth maps stand for. */
function startingAlignment(
  one: Case,
  result: Result,
  landmarks: Float64Array | undefined,
  maps: ComparedMaps | undefined,
  { scale, units }: { scale: 'free' | 'fixed'; units: number },
): { transform: Similarity; kind: CaseScore['alignment'] } {
  const align = (from: Float64Array, to: Float64Array): Similarity => {
    if (scale === 'free') return alignPoints(from, to)
    const transform = alignPoints(
      from.map((x) => x * units),
      to,
      { scale },
    )
    for (const i of [0, 1, 2, 4, 5, 6, 8, 9, 10]) transform[i] *= units
    return transform
  }
  if (landmarks && result.landmarks) return { transform: align(result.landmarks, landmarks), kind: 'landmarks' }
  if (!maps) {
    throw new SiderError('RESULT_INVALID', `${one.name}: nothing to align with the scan`, {
      hint: 'Give the seven landmarks of the mesh as .npy or .txt beside it, and those of the scan as .pp.',
    })
  }
  const pixels = pixelCenters(maps.result.crop.size, maps.result.crop.size)
  const seen = [...maps.mask.keys()].filter((i) => maps.mask[i])
  const uv = Float64Array.from(seen.flatMap((i) => [pixels[2 * i], pixels[2 * i + 1]]))
  const depths = (depth: Float32Array): Float64Array => Float64Array.from(seen, (i) => depth[i])
  const from = backProject(cropCamera(maps.result.camera, maps.result.crop), uv, depths(maps.result.depth))
  const to = backProject(maps.truth.camera, uv, depths(maps.truth.depth))
  return {
    transform: align(
      from,
      to.map((x) => x * one.scanUnits),
    ),
    kind: 'pixels',
  }
}

function normalScores({ result, truth, mask }: ComparedMaps): CaseScore['normals'] {
  const { size } = result.crop
  const score = (normals: Float32Array): NormalScore => {
    const { mean, median } = statistics(normalAngles(normals, truth.normals, mask))
    const agreement = (sigma: number) => detailAgreement(normals, truth.normals, mask, size, (sigma * size) / 256)
    return { meanDegrees: mean, medianDegrees: median, fine: agreement(2), medium: agreement(6) }
  }
  const count = (values: Uint8Array): number => values.reduce((sum, v) => sum + (v ? 1 : 0), 0)
  const pixels = count(mask)
  return {
    pixels,
    coverage: pixels / Math.max(1, count(truth.mask)),
    detail: score(result.normals),
    coarse: result.coarseNormals && score(result.coarseNormals),
  }
}

/** Undefined without albedo, and where there are too few edges (or too little else) to speak of. */
function edgeScore({ result, truth, mask }: ComparedMaps): AlbedoEdgeScore | undefined {
  if (!truth.albedo) return undefined
  const { size } = result.crop
  const edges = albedoEdges(truth.albedo, mask, size)
  const pixels = mask.reduce((sum, m) => sum + m, 0)
  const share = edges.reduce((sum, e) => sum + e, 0) / pixels
  if (share * pixels < 50 || (1 - share) * pixels < 50) return undefined
  const errors = (normals: Float32Array): AlbedoEdgeScore['detail'] =>
    reliefErrors({
      size,
      normals,
      truth: truth.normals,
      angles: normalAngles(normals, truth.normals, mask),
      mask,
      edges,
    })
  return { share, detail: errors(result.normals), coarse: result.coarseNormals && errors(result.coarseNormals) }
}

/** The render against the photo over the face's true skin, also where the engine did not trust the photo. */
function photoScore({ result, image, mask }: ComparedMaps): PhotoScore | undefined {
  const { render } = result
  if (!render) return undefined
  let [squares, levels, count] = [0, 0, 0]
  for (let i = 0; i < mask.length; i++) {
    if (!mask[i]) continue
    for (let k = 3 * i; k < 3 * i + 3; k++) {
      const difference = Math.max(0, Math.min(1, render[k])) - image[k]
      squares += difference ** 2
      levels += 255 * Math.abs(difference)
      count++
    }
  }
  return { psnr: -10 * Math.log10(Math.max(squares / count, 1e-12)), meanLevels: levels / count }
}
