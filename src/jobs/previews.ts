/**
 * When previews are made, and as what bytes: meshes as GLB, distance grids as float16, pictures as JPEG. They are made as often
 * as a fixed share of the run's time allows, so that watching a run hardly slows it down.
 */
import { createHash } from 'node:crypto'
import { type InspectRecord, imageJpeg, type RecordValue, sdfSnapshot, writeGlb } from '../engine/index.js'
import type { PreviewInfo } from './runner.js'

/** Shares of the run's expected time that meshes with pictures, and distance grids, may take. */
const SHARES = { views: 0.03, grids: 0.012 }
/** Never more often than this, seconds. */
const SHORTEST = 0.5
/** However short the run, this many snapshots with a grid are made of its detail. */
const LEAST_GRIDS = 3

export class PreviewSchedule {
  /** Snapshots so far. */
  count = 0
  private readonly views = new Cost()
  private readonly grids = new Cost()
  private readonly encodings = new Cost()
  private started = Number.NEGATIVE_INFINITY
  private mark = 0
  private withGrid = false

  /** @param now seconds since the run began */
  constructor(private readonly now: () => number) {}

  /** Seconds that making and encoding previews took. */
  get spent(): number {
    return this.views.spent + this.grids.spent + this.encodings.spent
  }

  /** Whether a snapshot is to be made after this step of the detail stage; it must then be made. */
  due({ step, steps, etaSeconds }: { step: number; steps: number; etaSeconds: number }): boolean {
    const now = this.now()
    // Early changes are the largest: snapshots are spaced quadratically.
    const pace = Math.sqrt(step / steps)
    const budget = (now + etaSeconds) * pace
    const owed = this.grids.count < LEAST_GRIDS && pace >= this.grids.count / LEAST_GRIDS
    const affordable = this.views.next + this.encodings.next <= SHARES.views * budget
    if (!owed && (now - this.started < SHORTEST || !affordable)) return false
    this.withGrid = owed || this.grids.next <= SHARES.grids * budget
    this.started = now
    this.mark = now
    this.count++
    return true
  }

  wants(name: string): boolean {
    if (name === 'sdf') return this.withGrid
    return name === 'mesh' || name === 'normals' || name === 'render' || name === 'fitted-head'
  }

  /** A record of the present snapshot has come: a mesh is the last of a view, a grid is all that follows. */
  recorded(name: string): void {
    if (name !== 'mesh' && name !== 'sdf') return
    const now = this.now()
    const cost = name === 'mesh' ? this.views : this.grids
    cost.add(now - this.mark)
    this.mark = now
  }

  /**
   * Encoding a mesh took so many seconds by the clock. The optimiser's steps go on meanwhile, so the least that an encoding has
   * taken is what it costs; the rest was waiting.
   */
  encoded(seconds: number): void {
    this.encodings.add(Math.min(seconds, this.encodings.least))
  }
}

/** What something that is done again and again takes, seconds. */
class Cost {
  count = 0
  spent = 0
  least = Number.POSITIVE_INFINITY

  add(seconds: number): void {
    this.count++
    this.spent += seconds
    this.least = Math.min(this.least, seconds)
  }

  /** What will have been spent after the next one: the least is expected, as the first takes longer than others. */
  get next(): number {
    return this.spent + (this.count > 0 ? this.least : 0)
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
