/**
 * The one error class of the engine. Every failure a user can meet has a code of its own and says what to do.
 * The table in docs/errors.md lists them; a test keeps the two in step.
 */

/** Codes, grouped by the stage that raises them. `exit` is the command line's exit status. */
export const ERROR_CODES = {
  USAGE: { exit: 2, what: 'a wrong command line option or setting' },
  IMAGE_NOT_FOUND: { exit: 3, what: 'the photo file does not exist or cannot be read' },
  IMAGE_UNREADABLE: { exit: 3, what: 'the file is not an image, of a format that is not read, truncated or damaged' },
  IMAGE_TOO_SMALL: { exit: 3, what: 'the photo has too few pixels to hold a face' },
  IMAGE_TOO_LARGE: { exit: 3, what: 'the photo has more pixels than the limit (a decompression bomb, perhaps)' },
  NO_FACE: { exit: 4, what: 'no face was found in the photo' },
  FACE_NOT_LISTED: { exit: 4, what: 'the chosen face number does not exist' },
  FACE_CUT: { exit: 4, what: 'the border of the photo cuts off an eye, the nose or the mouth' },
  FACE_TOO_SMALL: { exit: 4, what: 'the face covers too few pixels' },
  FACE_UNCLEAR: { exit: 4, what: 'the two landmark networks see different faces' },
  LANDMARKS_INVALID: {
    exit: 4,
    what: 'the landmark file is malformed, has a wrong count, or holds numbers that are not finite; or a corrected landmark does not exist, or lies outside the photo',
  },
  HEAD_UNKNOWN: { exit: 5, what: 'the head model file or folder does not exist or is of an unknown kind' },
  HEAD_INVALID: { exit: 5, what: 'the head model file is damaged, unsafe or incomplete' },
  HEAD_DOWNLOAD_FAILED: { exit: 5, what: 'a head model could not be downloaded' },
  HEAD_FIT_FAILED: { exit: 5, what: 'the head could not be fitted to the landmarks' },
  BACKEND_MISSING: { exit: 6, what: 'the chosen compute backend cannot be used on this machine' },
  COMPUTE_FAILED: { exit: 6, what: 'a compute program failed (device lost, a fault of its driver)' },
  OUT_OF_MEMORY: { exit: 6, what: 'the machine, or a limit set for the program, has too little memory' },
  DIVERGED: { exit: 7, what: 'the optimisation diverged twice; the last good state is kept' },
  SURFACE_EMPTY: { exit: 7, what: 'the field has no surface to extract' },
  CHECKPOINT_INVALID: { exit: 8, what: 'the checkpoint is missing, damaged, or of another photo or configuration' },
  TRUTH_INVALID: { exit: 10, what: 'the ground truth of an evaluation is missing, damaged or of an unknown layout' },
  RESULT_INVALID: { exit: 10, what: 'a reconstruction to be evaluated is missing, damaged or incomplete' },
  OUTPUT_UNWRITABLE: { exit: 9, what: 'the output folder cannot be written' },
  DISK_FULL: { exit: 9, what: 'the disk is full' },
  REMOTE: { exit: 11, what: 'the server refused or failed the job, or cannot be reached' },
  CANCELLED: { exit: 130, what: 'the run was stopped by its user' },
} as const

export type ErrorCode = keyof typeof ERROR_CODES

export type StageName = 'photo' | 'landmarks' | 'head' | 'coarse' | 'detail' | 'surface' | 'output' | 'setup'

export interface SiderErrorOptions {
  /** Where in the pipeline it happened. */
  stage?: StageName
  /** One sentence that tells the user what to do about it. */
  hint?: string
  /** Machine-readable details: the offending path, number, limit. */
  data?: Record<string, unknown>
  cause?: unknown
}

/** A failure with a code, the stage it happened in, and what to do about it. */
export class SiderError extends Error {
  override readonly name = 'SiderError'
  readonly code: ErrorCode
  readonly stage: StageName | undefined
  readonly hint: string | undefined
  readonly data: Record<string, unknown>

  constructor(code: ErrorCode, message: string, options: SiderErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.stage = options.stage
    this.hint = options.hint
    this.data = options.data ?? {}
  }

  /** Exit status for the command line. */
  get exitCode(): number {
    return ERROR_CODES[this.code].exit
  }

  toJSON(): Record<string, unknown> {
    return { code: this.code, stage: this.stage, message: this.message, hint: this.hint, data: this.data }
  }
}
