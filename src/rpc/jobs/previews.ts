/**
 * When previews are made, and as what bytes: meshes as GLB, distance grids as float16, pictures as JPEG. They are made as often
 * as a fixed share of the run's time allows, so that watching a run hardly slows it down.
 */
import { createHash } from 'node:crypto'
import { type InspectRecord, imageJpeg, type RecordValue, sdfSnapshot, writeGlb } from '../../engine/index.js'
import type { PreviewInfo } from './worker-messages.js'

/** Share of the run's time that previews may take. */
const SHARE = 0.045
/** Never more often than this, seconds. */
const SHORTEST = 0.5
/** A distance grid costs more than the rest: one in so many snapshots has it. */
const SDF_EVERY = 4

export class PreviewSchedule {
  /** Snapshots so far, and the seconds that making and encoding them took. */
  count = 0
  spent = 0
  private last = Number.NEGATIVE_INFINITY
  /** What has been counted of the present snapshot, and what the last one with and without a distance grid took. */
  private present = 0
  private readonly cost = { plain: 0, sdf: 0 }

  /** @param now seconds since the run began */
  constructor(private readonly now: () => number) {}

  /** Whether a snapshot is to be made now; it must then be made. */
  due(): boolean {
    const now = this.now()
    const kind = this.hasSdf(this.count + 1) ? 'sdf' : 'plain'
    if (now - this.last < SHORTEST || this.spent + this.cost[kind] > SHARE * now) return false
    this.last = now
    this.present = 0
    this.count++
    return true
  }

  wants(name: string): boolean {
    if (name === 'sdf') return this.hasSdf(this.count)
    return name === 'mesh' || name === 'normals' || name === 'render' || name === 'fitted-head'
  }

  /** A record of the present snapshot has come: what it took until now is spent. */
  recorded(): void {
    this.spend(Math.max(0, this.now() - this.last - this.present)) // encoding that went on meanwhile is in it already
  }

  /** Encoding took so many seconds. */
  encoded(seconds: number): void {
    this.spend(seconds)
  }

  private spend(seconds: number): void {
    this.spent += seconds
    this.present += seconds
    this.cost[this.hasSdf(this.count) ? 'sdf' : 'plain'] = this.present
  }

  private hasSdf(count: number): boolean {
    return count % SDF_EVERY === 2
  }
}

/** A record as a preview; undefined for kinds that clients cannot show. */
export async function encodePreview({
  name,
  step,
  value,
}: InspectRecord): Promise<{ info: PreviewInfo; payload: Uint8Array } | undefined> {
  const common = { name: name === 'fitted-head' ? 'head' : name, step }
  switch (value.kind) {
    case 'mesh':
      return {
        info: { ...common, kind: 'mesh', mediaType: 'model/gltf-binary', topology: topologyId(value) },
        payload: await writeGlb([{ name: common.name, mesh: value.mesh }]),
      }
    case 'sdf': {
      const { header, payload } = sdfSnapshot(value.grid)
      return {
        info: { ...common, kind: 'sdf', mediaType: 'application/octet-stream', sdf: header },
        payload: new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength),
      }
    }
    case 'image':
      return { info: { ...common, kind: 'image', mediaType: 'image/jpeg' }, payload: await imageJpeg(value) }
    default:
      return undefined
  }
}

/** By the triangles alone: meshes of equal id differ in positions only. */
function topologyId({ mesh: { indices } }: Extract<RecordValue, { kind: 'mesh' }>): string {
  const bytes = new Uint8Array(indices.buffer, indices.byteOffset, indices.byteLength)
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16)
}
