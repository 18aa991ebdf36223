/** Landmarks of the photo's face that a person puts in their places, and the head that the server fits to them. */
import {
  ConnectionLost,
  type FaceFindResult,
  type FaceFitResult,
  type FoundFace,
  RemoteError,
} from '../../../src/rpc/client/index.js'
import { Changes } from './dom.js'
import type { ServerLink } from './server-link.js'

export type Place = [x: number, y: number]

export class LandmarkEdit {
  readonly changes = new Changes()
  found: FaceFindResult | undefined
  /** Number of the face that is looked at. */
  face = 0
  /** Places in photo pixels by the landmark's name. */
  readonly corrections = new Map<string, Place>()
  /** The newest fit; it may be of earlier corrections while `busy`. */
  fit: FaceFitResult | undefined
  busy = false
  /** What went wrong, and what to do. */
  error = ''
  private wanted: { preset: string; settings: Record<string, unknown> } = { preset: '', settings: {} }
  /** Whether something has changed since the fit under way was asked for. */
  private stale = false

  constructor(
    private readonly link: ServerLink,
    private readonly photo: Blob,
  ) {}

  get chosen(): FoundFace | undefined {
    return this.found?.faces[this.face]
  }

  /** Finds the faces, once, and fits. @param preset @param settings of the reconstruction */
  async open(preset: string, settings: Record<string, unknown>): Promise<void> {
    this.wanted = { preset, settings }
    if (!this.found && !(await this.attempt(() => this.find()))) return
    await this.refit()
  }

  /** Another face of the photo: corrections belong to one. */
  async chooseFace(face: number): Promise<void> {
    this.face = face
    this.corrections.clear()
    this.fit = undefined
    await this.refit()
  }

  /** Where a landmark is now. */
  place(name: string): Place | undefined {
    const one = this.corrections.get(name) ?? this.fit?.landmarks.find((landmark) => landmark.name === name)
    return one && (Array.isArray(one) ? one : [one.x, one.y])
  }

  /** Puts a landmark somewhere, within the photo. */
  async move(name: string, [x, y]: Place): Promise<void> {
    const { width, height } = this.found!.photo
    const within = (value: number, most: number): number => Math.round(10 * Math.min(Math.max(value, 0), most)) / 10
    this.corrections.set(name, [within(x, width), within(y, height)])
    await this.refit()
  }

  /** Takes a correction back, or all of them. */
  async reset(name?: string): Promise<void> {
    if (name === undefined) this.corrections.clear()
    else if (!this.corrections.delete(name)) return
    await this.refit()
  }

  /** What a job is made with besides. */
  get params(): { corrections?: Record<string, Place>; settings: Record<string, unknown> } {
    const several = (this.found?.faces.length ?? 0) > 1
    return {
      ...(this.corrections.size > 0 && { corrections: Object.fromEntries(this.corrections) }),
      settings: several ? { 'photo.face': this.face } : {},
    }
  }

  private async find(): Promise<void> {
    const found = await this.link.client!.findFaces(this.photo)
    if (found.faces.length === 0) throw new Error('No face was found in the photo. Use one that shows a face larger.')
    this.found = found
  }

  /** Fits to the newest state; changes during a fit make one more, however many there are. */
  private async refit(): Promise<void> {
    this.stale = true
    if (this.busy || !this.found) return
    await this.attempt(async () => {
      while (this.stale) {
        this.stale = false
        const { face, wanted, corrections } = this
        const { 'photo.face': _, ...settings } = wanted.settings
        this.changes.tell()
        const fit = await this.link.client!.call('face/fit', {
          photo: this.found!.photo,
          landmarks: this.chosen!.landmarks,
          corrections: Object.fromEntries(corrections),
          ...(wanted.preset && { preset: wanted.preset }),
          settings,
        })
        if (face === this.face) this.fit = fit
      }
    })
  }

  /** @returns whether it went well */
  private async attempt(work: () => Promise<void>): Promise<boolean> {
    this.busy = true
    this.error = ''
    this.changes.tell()
    try {
      await work()
      return true
    } catch (error) {
      this.stale = false
      this.error = inWords(error)
      return false
    } finally {
      this.busy = false
      this.changes.tell()
    }
  }
}

function inWords(error: unknown): string {
  if (error instanceof RemoteError) return `${error.message}. ${error.data.hints?.page ?? ''}`
  if (error instanceof ConnectionLost) return 'The connection was lost. Is the server running?'
  return (error as Error).message
}
