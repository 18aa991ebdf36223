/** Failures as clients are told of them, and as failed jobs keep them. */
import { ERRORS, SiderError } from '../engine/index.js'
import type { ErrorInfo } from '../generated/protocol.js'

/** What was wrong is given back, but not at any length, characters. */
const [MESSAGE_LENGTH, DETAIL_LENGTH] = [2000, 10_000]

/** Any failure in the words of schemas/errors.json; faults of the program (INTERNAL) keep their text to the log. */
export function toErrorInfo(error: unknown): ErrorInfo {
  const { code: name, message, stage, hints, data } = error instanceof SiderError ? error : new SiderError('INTERNAL')
  const { wire, retry } = ERRORS[name]
  const detail = plain(data)
  return {
    code: wire,
    name,
    message: message.slice(0, MESSAGE_LENGTH),
    ...(stage && { stage }),
    retry,
    hints,
    ...(detail && { detail }),
  }
}

/** Details without this machine's own paths; none if they are endless. */
function plain(data: Record<string, unknown>): Record<string, unknown> | undefined {
  const { path: _, ...rest } = data
  const text = JSON.stringify(rest)
  return text.length > DETAIL_LENGTH ? undefined : (JSON.parse(text) as Record<string, unknown>)
}
