/**
 * When previews are made, and as what bytes: meshes as GLB, distance grids as float16, pictures as JPEG. They are made as often
 * as a fixed share of the run's time allows, so that watching a run hardly slows it down.
 */
import { createHash } from 'node:crypto'
import { type InspectRecord, imageJpeg, type RecordValue, sdfSnapshot, writeGlb } from '../../engine/index.js'
import type { PreviewInfo } from './worker-messages.js'

/** Shares of the run's time that meshes with pictures, and distance grids, may take. */
const SHARES = { view: 0.034, sdf: 0.014 }
type Kind = keyof typeof SHARES
/** Never more often than this, seconds. */
const SHORTEST = 0.5

export class PreviewSchedule {
  /** Snapshots so far. */
  count = 0
  private readonly costs = { view: { spent: 0, last: 0 }, sdf: { spent: 0, last: 0 } }
  private started = Number.NEGATIVE_INFINITY
  private mark = 0
  private withSdf = false
  private encoding = Number.POSITIVE_INFINITY

  /** @param now seconds since the run began */
  constructor(private readonly now: () => number) {}

  /** Seconds that making and encoding previews took. */
  get spent(): number {
    return this.costs.view.spent + this.costs.sdf.spent
  }

  /** Whether a snapshot is to be made now; it must then be made. */
  due(): boolean {
    const now = this.now()
    if (now - this.started < SHORTEST || !this.affordable('view', now)) return false
    this.withSdf = this.affordable('sdf', now)
    this.started = now
    this.mark = now
    this.count++
    return true
  }

  wants(name: string): boolean {
    if (name === 'sdf') return this.withSdf
    return name === 'mesh' || name === 'normals' || name === 'render' || name === 'fitted-head'
  }

  /** A record of the present snapshot has come: what it took is spent. */
  recorded(name: string): void {
    const now = this.now()
    this.spend(name, now - this.mark)
    this.mark = now
  }

  /**
   * Encoding a record took so many seconds by the clock. The optimiser's steps go on meanwhile, so the least that an encoding
   * has taken is what it costs; the rest was waiting.
   */
  encoded(name: string, seconds: number): void {
    this.encoding = Math.min(this.encoding, seconds)
    this.spend(name, this.encoding)
  }

  /** Grids are few: the next may be begun as soon as the last is paid for. Views must fit as well. */
  private affordable(kind: Kind, now: number): boolean {
    const { spent, last } = this.costs[kind]
    return spent + (kind === 'view' ? last : 0) <= SHARES[kind] * now
  }

  private spend(name: string, seconds: number): void {
    const cost = this.costs[name === 'sdf' ? 'sdf' : 'view']
    cost.spent += seconds
    // the normals are a view's first record
    cost.last = name === 'normals' || name === 'sdf' ? seconds : cost.last + seconds
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
