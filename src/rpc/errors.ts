/** The protocol's errors, and what the engine's errors are called in it. */
import { type ErrorCode, SiderError } from '../engine/index.js'
import { type ErrorData, type ErrorInfo, RPC_ERRORS } from './generated/protocol.js'

export type RpcErrorName = keyof typeof RPC_ERRORS

const NAMES: Record<ErrorCode, RpcErrorName> = {
  USAGE: 'SETTINGS',
  IMAGE_NOT_FOUND: 'IMAGE_UNREADABLE',
  IMAGE_UNREADABLE: 'IMAGE_UNREADABLE',
  IMAGE_TOO_SMALL: 'IMAGE_SIZE',
  IMAGE_TOO_LARGE: 'IMAGE_SIZE',
  NO_FACE: 'NO_FACE',
  FACE_NOT_LISTED: 'FACE_UNUSABLE',
  FACE_CUT: 'FACE_UNUSABLE',
  FACE_TOO_SMALL: 'FACE_UNUSABLE',
  FACE_UNCLEAR: 'FACE_UNUSABLE',
  LANDMARKS_INVALID: 'LANDMARKS_INVALID',
  HEAD_UNKNOWN: 'HEAD',
  HEAD_INVALID: 'HEAD',
  HEAD_DOWNLOAD_FAILED: 'HEAD',
  HEAD_FIT_FAILED: 'HEAD',
  BACKEND_MISSING: 'BACKEND_MISSING',
  COMPUTE_FAILED: 'COMPUTE_FAILED',
  OUT_OF_MEMORY: 'OUT_OF_MEMORY',
  DIVERGED: 'DIVERGED',
  SURFACE_EMPTY: 'SURFACE_EMPTY',
  CHECKPOINT_INVALID: 'INTERNAL',
  OUTPUT_UNWRITABLE: 'DISK_FULL',
  DISK_FULL: 'DISK_FULL',
  RESULT_INVALID: 'INTERNAL',
  TRUTH_INVALID: 'INTERNAL',
  REMOTE: 'INTERNAL',
  CANCELLED: 'INTERNAL',
}

/** A failure that a client is told of. */
export class RpcError extends Error {
  override readonly name = 'RpcError'
  readonly code: number
  readonly data: ErrorData

  constructor(
    readonly kind: RpcErrorName,
    message: string = RPC_ERRORS[kind].message,
    data: Partial<ErrorData> = {},
  ) {
    super(message)
    const { code, retry, hint } = RPC_ERRORS[kind]
    this.code = code
    this.data = { name: kind, retry, hint, ...data }
  }
}

/** Any failure as one of the protocol's; faults of the program keep their text to the log. */
export function toRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error
  if (error instanceof SiderError) {
    const { code, message, stage, hint, data } = error
    return new RpcError(
      NAMES[code],
      message.slice(0, MESSAGE_LENGTH),
      withoutUndefined({ stage, hint, detail: plain(data) }),
    )
  }
  return new RpcError('INTERNAL')
}

/** As a failed job carries it. */
export function toErrorInfo(error: unknown): ErrorInfo {
  const { code, message, data } = toRpcError(error)
  const { problems: _, ...rest } = data
  return { code, message, ...rest }
}

/** What was wrong is given back, but not at any length, characters. */
const [MESSAGE_LENGTH, DETAIL_LENGTH] = [2000, 10_000]

/** Details without the server's own paths; none if they are endless. */
function plain(data: Record<string, unknown>): Record<string, unknown> | undefined {
  const { path: _, ...rest } = data
  const text = JSON.stringify(rest)
  return text.length > DETAIL_LENGTH ? undefined : (JSON.parse(text) as Record<string, unknown>)
}

function withoutUndefined<T extends object>(object: T): Partial<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Partial<T>
}
