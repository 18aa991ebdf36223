/**
 * The one error class of the program. Every failure a user can meet has a code of its own and says what to do; all of them are in
 * schemas/errors.json.
 */
import { ERRORS, type ErrorCode, type FrontEnd } from '../generated/errors.js'

export { ERRORS, type ErrorCode, type FrontEnd } from '../generated/errors.js'

export type StageName = 'photo' | 'landmarks' | 'head' | 'coarse' | 'detail' | 'surface' | 'output' | 'setup'

/** What to do, in the words of each front end. */
export type Hints = Record<FrontEnd, string>

export interface SiderErrorOptions {
  /** Where in the pipeline it happened. */
  stage?: StageName
  /**
   * One sentence that tells the user what to do about it, in words for every front end; or for those that it names. The others,
   * and all without one, have the hint of the table.
   */
  hint?: string | Partial<Hints>
  /** Machine-readable details: the offending path, number, limit. */
  data?: Record<string, unknown>
  cause?: unknown
}

/** A failure with a code, the stage it happened in, and what to do about it. */
export class SiderError extends Error {
  override readonly name = 'SiderError'
  readonly code: ErrorCode
  readonly stage: StageName | undefined
  readonly hints: Hints
  readonly data: Record<string, unknown>

  /** @param message without one, what the table says of the code */
  constructor(code: ErrorCode, message: string = ERRORS[code].what, options: SiderErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    const { stage, hint, data = {} } = options
    this.code = code
    this.stage = stage
    this.hints =
      typeof hint === 'string' ? { cli: hint, page: hint, blender: hint } : { ...ERRORS[code].hints, ...hint }
    this.data = data
  }

  /** What to do, for the command line. */
  get hint(): string {
    return this.hints.cli
  }

  /** Exit status for the command line. */
  get exitCode(): number {
    return ERRORS[this.code].exit
  }

  toJSON(): Record<string, unknown> {
    return { code: this.code, stage: this.stage, message: this.message, hint: this.hint, data: this.data }
  }
}

/** What was told of a failure in another process: `toErrorInfo` of jobs, or a server's answer. */
export interface ToldError {
  name?: string
  message: string
  stage?: StageName
  hints?: Hints
  detail?: Record<string, unknown>
}

/** A failure elsewhere as the same one here; of a code that is not known here, which is a newer server's, REMOTE. */
export function fromErrorInfo({ name = 'INTERNAL', message, stage, hints, detail }: ToldError): SiderError {
  const known = Object.hasOwn(ERRORS, name)
  return new SiderError(known ? (name as ErrorCode) : 'REMOTE', known ? message : `${message} (${name})`, {
    ...(stage && { stage }),
    ...(hints && { hint: hints }),
    ...(detail && { data: detail }),
  })
}
