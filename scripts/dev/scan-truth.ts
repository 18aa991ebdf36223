/** Ground truth of rendered head scans for the head fit's measurements: what `sider evaluate` reads, loaded by a view's name. */
import { join } from 'node:path'
import { findCases } from '../../src/engine/evaluate/index.js'
import { noseSphere, verticesInside } from '../../src/engine/evaluate/scan-distance.js'
import { readTruth, type ViewTruth } from '../../src/engine/evaluate/truth.js'
import { readMesh } from '../../src/engine/formats/read-mesh.js'

export interface ScanTruth extends ViewTruth {
  /** e.g. 'lpsw/L1' */
  name: string
  image: string
  /** [n, 3] vertices of the scan in the face crop, head frame. */
  face: Float64Array
}

/** Names of all views with maps below a folder of scans, 'subject/view'. */
export async function scanViews(folder: string): Promise<string[]> {
  return (await findCases(folder)).filter(({ maps, camera }) => maps && camera).map(({ name }) => name)
}

export async function loadScan(folder: string, name: string): Promise<ScanTruth> {
  const [one] = await findCases(join(folder, name))
  const { camera, maps, image, scan } = one
  if (!camera || !maps) throw new Error(`${name} has no camera.json or gt.npz`)
  const { positions } = await readMesh(scan, 'TRUTH_INVALID')
  return {
    ...(await readTruth({ camera, maps })),
    name,
    image,
    face: verticesInside(positions, noseSphere(positions)),
  }
}
