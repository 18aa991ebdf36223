/** What the server and its process for faces ask and answer. */
import type { Settings } from '../../engine/index.js'
import type { ErrorInfo, FaceFindResult, FaceFitParams, FaceFitResult } from '../../generated/protocol.js'

export interface Questions {
  /** The photo is the file's bytes, or the path of a file of the server's. */
  find: { ask: { photo: Uint8Array | string; settings: Settings }; answer: FaceFindResult }
  fit: { ask: Omit<FaceFitParams, 'preset' | 'settings'> & { settings: Settings }; answer: FaceFitResult }
}

export type ToFaces = { [Q in keyof Questions]: { id: number; question: Q; ask: Questions[Q]['ask'] } }[keyof Questions]

export type FromFaces = { id: number } & ({ answer: unknown } | { error: ErrorInfo; fault: string | undefined })
