/**
 * The one inspection mechanism. Stages record named intermediates; whoever is interested subscribes: `--dump` writes them as
 * files (dump.ts), the contact sheet and live previews are made from them. When nobody listens, recording costs one look-up,
 * and a value given as a function is not even built.
 *
 * A recorded value belongs to its listeners: the stage must not write into its arrays afterwards.
 */
import type { StageName } from './errors.js'
import type { Mesh } from './stages.js'

/** Samples of a signed distance field on a regular grid, head frame. */
export interface SdfGrid {
  /** Samples along x, y, z. */
  size: [number, number, number]
  /** Position of the first sample, metres. */
  origin: [number, number, number]
  /** Distance between samples, metres. */
  spacing: number
  /** [z, y, x] (x fastest): signed distance in metres, negative inside. */
  values: Float32Array
}

/** An intermediate image. Float values are shown from `range[0]` (black) to `range[1]` (white); NaN means no value. */
export interface ImageRecord {
  kind: 'image'
  width: number
  height: number
  /** [height, width, channels] with 1, 3 or 4 channels. */
  data: Float32Array | Uint8Array
  /** Shown range of float values; the smallest and largest finite value if absent. */
  range?: [number, number]
}

export type RecordValue =
  | ImageRecord
  | { kind: 'mesh'; mesh: Mesh }
  | { kind: 'sdf'; grid: SdfGrid }
  | { kind: 'table'; columns: string[]; rows: (number | string)[][] }
  | { kind: 'json'; value: unknown }

/** A named intermediate of a run. */
export interface InspectRecord {
  /** What it is, e.g. 'landmarks', 'normals'; letters, digits and hyphens. */
  name: string
  stage: StageName
  /** Optimiser step it belongs to; 0 for stages without steps. */
  step: number
  /** Seconds since the inspector was made. */
  seconds: number
  value: RecordValue
}

/** Which records a listener wants. */
export type RecordFilter = (name: string, stage: StageName) => boolean
export type RecordListener = (record: InspectRecord) => void

const everything: RecordFilter = () => true

/** Passes records from the stages to listeners, at once and in order. */
export class Inspector {
  /** The stage that records at present; set by the pipeline, so that stages need not know their names. */
  stage: StageName = 'setup'
  readonly #started = performance.now()
  readonly #subscriptions = new Set<{ filter: RecordFilter; listener: RecordListener }>()

  /** Starts listening; the returned function stops it. */
  subscribe(listener: RecordListener, filter: RecordFilter = everything): () => void {
    const subscription = { filter, listener }
    this.#subscriptions.add(subscription)
    return () => void this.#subscriptions.delete(subscription)
  }

  /** Whether anybody would receive a record of this name now: ask before costly preparations. */
  wants(name: string): boolean {
    for (const { filter } of this.#subscriptions) if (filter(name, this.stage)) return true
    return false
  }

  /** Hands a value to those who want it. A function is called only if somebody does. */
  record(name: string, value: RecordValue | (() => RecordValue), step = 0): void {
    if (!this.wants(name)) return
    const record: InspectRecord = {
      name,
      stage: this.stage,
      step,
      seconds: (performance.now() - this.#started) / 1000,
      value: typeof value === 'function' ? value() : value,
    }
    for (const { filter, listener } of this.#subscriptions) if (filter(name, this.stage)) listener(record)
  }
}
