/** Failures as answers to requests. */

import type { ErrorData } from '../generated/protocol.js'
import { toErrorInfo } from '../jobs/errors.js'

/** What a request is answered with in place of a result. */
export interface WireError {
  code: number
  message: string
  data: ErrorData
}

/** Any failure as the protocol's; wrong params are told one by one. */
export function toWireError(error: unknown): WireError {
  const { code, message, detail, ...data } = toErrorInfo(error)
  if (data.name !== 'PARAMS') return { code, message, data: { ...data, ...(detail && { detail }) } }
  return { code, message, data: { ...data, problems: detail?.['problems'] as ErrorData['problems'] } }
}
